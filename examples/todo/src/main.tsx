import { createAuthClient } from "@syncline/auth";
import { ConvexProviderWithSyncline, SynclineAuthProvider } from "@syncline/auth/react";
import { ConvexReactClient } from "convex/react";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./App";
import "./style.css";

// Built, the page is served by the server it talks to; under `npm run dev` that server is beside Vite.
const beside = import.meta.env.DEV ? "http://localhost:3210" : location.origin;
const convex = new ConvexReactClient(import.meta.env["VITE_CONVEX_URL"] ?? beside, { initialAuthTokenReuse: true });
const auth = createAuthClient();

const root = document.getElementById("root");
if (root === null) throw new Error("index.html has no element #root");
createRoot(root).render(
  <StrictMode>
    <SynclineAuthProvider client={auth}>
      <ConvexProviderWithSyncline client={convex}>
        <App />
      </ConvexProviderWithSyncline>
    </SynclineAuthProvider>
  </StrictMode>,
);
