import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

export default defineConfig({
  plugins: [react()],
  // The package beside this folder has its own copies for its tests; a page must have one of each.
  resolve: { dedupe: ["react", "react-dom", "convex"] },
  // Under `npm run dev` the pages for signing in come from the server beside Vite, as if they were its own.
  server: { port: 5173, proxy: { "/auth": { target: "http://localhost:3210", changeOrigin: false } } },
});
