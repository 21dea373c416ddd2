// What Clerk's own script is to its React package, as far as that asks: it knows who is signed in, and gets tokens from
// the Frontend API that it came from. Pages load it from there, so tests answer in Clerk's place.
(() => {
  const api = new URL(document.currentScript.src).origin;

  async function getToken(id, { template, skipCache = false } = {}) {
    const path = `/v1/client/sessions/${id}/tokens${template ? `/${template}` : ""}`;
    const response = await fetch(`${api}${path}${skipCache ? "?fresh" : ""}`, { method: "POST" });
    return response.ok ? (await response.json()).jwt : null;
  }

  const claimsOf = (jwt) => JSON.parse(atob(jwt.split(".")[1].replaceAll("-", "+").replaceAll("_", "/")));

  class Clerk {
    loaded = false;
    status = "loading";
    version = "6.0.0";
    instanceType = "development";
    client = { sessions: [], signedInSessions: [], activeSessions: [] };
    session = null;
    user = null;
    organization = null;
    #listeners = new Set();

    async load() {
      this.loaded = true;
      this.status = "ready";
      this.#emit();
    }

    addListener(listener, { skipInitialEmit = false } = {}) {
      this.#listeners.add(listener);
      if (!skipInitialEmit && this.loaded) listener(this.__internal_lastEmittedResources);
      return () => this.#listeners.delete(listener);
    }

    on(event, handler, { notify = false } = {}) {
      if (event === "status" && notify) handler(this.status);
    }

    off() {}

    async setActive({ session: id }) {
      const claims = id && claimsOf(await getToken(id));
      this.user = id && { id: claims.sub };
      this.session = id && {
        id,
        status: "active",
        user: this.user,
        actor: null,
        factorVerificationAge: claims.fva,
        lastActiveToken: { jwt: { claims } },
        getToken: (options) => getToken(id, options),
      };
      this.#emit();
    }

    async signOut() {
      await this.setActive({ session: null });
    }

    #emit() {
      const { client, session, user, organization } = this;
      this.__internal_lastEmittedResources = { client, session, user, organization };
      for (const listener of [...this.#listeners]) listener(this.__internal_lastEmittedResources);
    }
  }

  globalThis.Clerk = new Clerk();
})();
