import type { NextConfig } from "next";

const config: NextConfig = {
  // Otherwise Next.js looks for the project's root by lock files, in the folders above too.
  turbopack: { root: import.meta.dirname },
};

export default config;
