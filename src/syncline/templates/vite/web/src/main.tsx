import { ConvexProvider, ConvexReactClient } from "convex/react";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./App";
import "./style.css";

// Under `npm run dev` the backend is beside Vite; the built page is served by the backend itself.
const address = import.meta.env.DEV ? "http://127.0.0.1:3210" : location.origin;
const client = new ConvexReactClient(import.meta.env["VITE_SYNCLINE_URL"] ?? address);

const root = document.getElementById("root");
if (root === null) throw new Error("index.html has no element #root");
createRoot(root).render(
  <StrictMode>
    <ConvexProvider client={client}>
      <App />
    </ConvexProvider>
  </StrictMode>,
);
