"use server";

import { fetchAction, fetchMutation } from "convex/nextjs";
import { api } from "@/convex/_generated/api";
import { asCaller } from "@/lib/backend";
import { problemIn } from "@/lib/problems";

export interface AddState {
  /** What to leave in the field: it was refused. */
  title: string;
  problem: string;
}

/** Adds a task from a form, which works before the page's scripts have loaded, too. */
export async function addTask(_before: AddState, form: FormData): Promise<AddState> {
  const title = String(form.get("title") ?? "");
  try {
    await fetchMutation(api.tasks.add, { title }, await asCaller());
    return { title: "", problem: "" };
  } catch (error) {
    return { title, problem: problemIn(error) };
  }
}

/** Asks an action of the backend: the place for slow work, and for what needs secrets. */
export async function summarize(): Promise<string> {
  try {
    return await fetchAction(api.reports.summary, {}, await asCaller());
  } catch (error) {
    return problemIn(error);
  }
}
