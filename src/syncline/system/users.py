"""What functions may know of the people with an account: a copy that follows the accounts, without anything secret."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from syncline.schema import Document, Index, Rules


# The context of a predicate is of a layer above this one; see syncline.schema.access.
def _is_shown(ctx: Any, profile: UserProfile) -> bool:
    identity = ctx.auth.identity
    if identity is None:
        return False
    return profile.shared or (identity.subject == profile.subject and identity.issuer == profile.issuer)


class UserProfile(Document, table="_users"):
    """Somebody with an account of the built-in sign-in. `subject` and `issuer` are those of the person's tokens.

    Public functions see the caller's own one, and with `Accounts(profiles="signed_in")` everybody's. `email` is
    None unless `Accounts(profile_emails=True)` asks for it; `metadata` are the public ones.
    """

    subject: str
    issuer: str
    name: str
    picture: str
    locale: str
    email: str | None
    metadata: dict[str, Any]
    #: Whether all who are signed in may see it.
    shared: bool
    since: datetime

    access = Rules(read=_is_shown)
    by_subject = Index("subject", unique=True)
