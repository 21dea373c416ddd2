/** The rest is on the backend's own pages, under /auth. */
export function Manage() {
  return (
    <p className="actions">
      <a className="strong" href="/auth/account">
        Manage
      </a>
      <a href="/auth/sign-out">Sign out</a>
    </p>
  );
}
