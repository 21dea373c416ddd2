// Answers lines of JSON on standard input with what the official client makes of the values in them.
//   {"roundTrip": [text, ...]}  ->  [{"json": text, "size": number} | {"error": text}, ...]
//   {"compare": [text, ...]}    ->  [[order of each against each], ...]
import { createInterface } from "node:readline";
import { compareValues, convexToJson, getConvexSize, jsonToConvex } from "convex/values";

function roundTrip(text) {
  try {
    const value = jsonToConvex(JSON.parse(text));
    return { json: JSON.stringify(convexToJson(value)), size: getConvexSize(value) };
  } catch (error) {
    return { error: String(error) };
  }
}

function compare(texts) {
  const values = texts.map((text) => jsonToConvex(JSON.parse(text)));
  return values.map((a) => values.map((b) => Math.sign(compareValues(a, b))));
}

for await (const line of createInterface({ input: process.stdin })) {
  const question = JSON.parse(line);
  const answer = "compare" in question ? compare(question.compare) : question.roundTrip.map(roundTrip);
  process.stdout.write(JSON.stringify(answer) + "\n");
}
