import { cookies } from "next/headers";
import { NextResponse } from "next/server";
import { current, TOKEN } from "@/lib/session";

/** The caller's own token, for the live connection of a page to send. */
export async function GET(): Promise<NextResponse> {
  const token = current((await cookies()).get(TOKEN)?.value) ?? null;
  return NextResponse.json(token, { headers: { "Cache-Control": "no-store" } });
}
