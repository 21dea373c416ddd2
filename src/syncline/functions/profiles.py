"""`ctx.auth` of queries and mutations, which also know the caller's profile."""

from __future__ import annotations

from syncline.database import DatabaseReader
from syncline.system import UserProfile

from .run import Auth, TransactionRun


class TransactionAuth(Auth):
    """`ctx.auth`: who is calling, and what is known of that person."""

    __slots__ = ()

    _run: TransactionRun

    def __init__(self, run: TransactionRun) -> None:
        super().__init__(run)

    def user(self) -> UserProfile | None:
        """The caller's account with the built-in sign-in, as it is now; a live query runs again when it changes.

        None if nobody is signed in, or by a token of somebody else's issuer. The profile of a new account is there
        within moments of its first sign-in.
        """
        identity, run = self._run.identity, self._run
        if identity is None:
            return None
        reader = DatabaseReader(run.transaction, run.catalog)
        found = reader.query(UserProfile).where(subject=identity.subject).unique()
        return found if found is not None and found.issuer == identity.issuer else None
