import { createHandlers } from "@/auth/nextjs";
import { backendUrl } from "@/lib/backend";

// The backend's pages for signing in and out, on the site's own origin, so that their cookie is one of the site.
export const { GET, POST } = createHandlers({ url: backendUrl() });
