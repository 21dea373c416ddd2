"""Who is calling."""

from typing import TypedDict

from syncline import QueryCtx, query


class Account(TypedDict):
    subject: str
    issuer: str
    name: str | None
    email: str | None


@query
def whoami(ctx: QueryCtx) -> Account:
    """What the caller's token says. Refused for callers who are not signed in."""
    identity = ctx.auth.require()
    return {
        "subject": identity.subject,
        "issuer": identity.issuer,
        "name": identity.name,
        "email": identity.email,
    }
