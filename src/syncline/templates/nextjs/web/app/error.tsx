"use client";

/** Shown when a page could not be rendered, or a server action was refused: most often because the backend does not run. */
export default function Failed({ reset }: { reset: () => void }) {
  return (
    <section className="card padded" role="alert">
      <h2>This did not work</h2>
      <p>
        You were signed out, or the backend did not answer: does <code>syncline dev</code> run?
      </p>
      <p className="actions">
        <button className="strong" type="button" onClick={reset}>
          Try again
        </button>
        <a href="/">Start again</a>
      </p>
    </section>
  );
}
