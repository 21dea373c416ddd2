"use client";

/** Shown when a page could not be rendered: most often because the backend does not run. */
export default function Failed({ reset }: { reset: () => void }) {
  return (
    <section className="card padded" role="alert">
      <h2>The backend did not answer</h2>
      <p>
        Does <code>syncline dev</code> run?
      </p>
      <p className="actions">
        <button className="strong" type="button" onClick={reset}>
          Try again
        </button>
        <a href="/auth/sign-out">Sign out</a>
      </p>
    </section>
  );
}
