import "@fontsource-variable/inter/index.css";
import "./style.css";
import type { Metadata, Viewport } from "next";
import type { ReactNode } from "react";
import { backendUrl } from "@/lib/backend";
import { Providers } from "./Providers";

export const metadata: Metadata = { title: "my-app", description: "A list of tasks that is live in every window." };
export const viewport: Viewport = { colorScheme: "light dark" };

// The address of the backend is read for each request, not when the pages are built.
export const dynamic = "force-dynamic";

export default function Layout({ children }: { children: ReactNode }) {
  return (
    <html lang="en">
      <body>
        <Providers url={backendUrl()}>
          <main className="page">{children}</main>
        </Providers>
      </body>
    </html>
  );
}
