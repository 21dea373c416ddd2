// The part of the pages that needs a script: passkeys. Everything else works without.
"use strict";

const SUPPORTED =
  "PublicKeyCredential" in window &&
  typeof PublicKeyCredential.parseRequestOptionsFromJSON === "function" &&
  typeof PublicKeyCredential.parseCreationOptionsFromJSON === "function";

const PATHS = {
  "sign-in": ["/auth/passkeys/options", "/auth/passkeys/sign-in"],
  reverify: ["/auth/passkeys/options", "/auth/passkeys/reverify"],
  add: ["/auth/account/passkeys/options", "/auth/account/passkeys/add"],
};

async function post(path, body) {
  const response = await fetch(path, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json" },
    body: JSON.stringify(body),
  });
  const answer = await response.json();
  if (!response.ok) throw Object.assign(new Error(answer.message), { code: answer.error });
  return answer;
}

/** Asks the device, and gives the server what it says. `waiting` lets the browser offer passkeys in the email field. */
async function run(kind, redirect, waiting) {
  const [first, second] = PATHS[kind];
  const { flow, options } = await post(first, {});
  const credential =
    kind === "add"
      ? await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) })
      : await navigator.credentials.get({
          publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options),
          ...(waiting ? { mediation: "conditional", signal: waiting } : {}),
        });
  const { location } = await post(second, { flow, credential: credential.toJSON(), redirect });
  window.location.assign(location);
}

function show(place, error) {
  const text = place.querySelector(".alert");
  if (error.code === "reverify") {
    window.location.assign("/auth/reverify?redirect=" + encodeURIComponent("/auth/account"));
    return;
  }
  // The user closed the browser's window: nothing to say.
  if (error.name === "NotAllowedError" || error.name === "AbortError") return;
  if (error.code) text.textContent = error.message;
  text.hidden = false;
}

async function offer(place, stop) {
  if (!(await PublicKeyCredential.isConditionalMediationAvailable?.())) return;
  try {
    await run("sign-in", place.dataset.redirect, stop.signal);
  } catch (error) {
    show(place, error);
  }
}

if (SUPPORTED) {
  for (const place of document.querySelectorAll("[data-passkey]")) {
    const kind = place.dataset.passkey;
    let stop = new AbortController();
    place.hidden = false;
    place.querySelector("button").addEventListener("click", async () => {
      stop.abort();
      place.querySelector(".alert").hidden = true;
      try {
        await run(kind, place.dataset.redirect);
      } catch (error) {
        show(place, error);
      }
    });
    if (kind === "sign-in" && document.querySelector("input[autocomplete~=webauthn]")) offer(place, stop);
  }
  for (const each of document.querySelectorAll(".needs-passkeys")) each.hidden = false;
}
