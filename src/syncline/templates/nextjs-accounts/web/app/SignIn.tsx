const isDevelopment = process.env.NODE_ENV === "development";

export function SignIn() {
  return (
    <>
      {isDevelopment && <p>Sign up with any address. While you develop no mail is sent: the code is in the inbox.</p>}
      <p className="actions">
        <a className="strong" href="/auth/sign-up?redirect=/tasks">
          Create an account
        </a>
        <a href="/auth/sign-in?redirect=/tasks">Sign in</a>
        {isDevelopment && (
          <a href="/auth/inbox" target="_blank">
            Inbox
          </a>
        )}
      </p>
    </>
  );
}
