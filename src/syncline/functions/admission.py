"""The one place that decides who gets in: whether a caller may use a function, route, file or mount at all.

With any provider in `App(auth=[...])` a caller must be signed in, unless what he asks for is declared
`anonymous=True`. Holders of the admin key and the backend's own calls get in everywhere. The decision is made before
any code of the application runs:

- functions, however they are called: `Registry.find`, which asks here;
- all else that the application declares (routes, mounts, files): `release.registry.admission.check(caller,
  anonymous=..., what="the route GET /invoices")`, once the caller is known and before the body is read. Over HTTP a
  refusal is answered with 401 and `{"code": "unauthenticated", "message": ...}`; pages redirect to the sign-in.

What the caller may do with single documents is another question: see the rules of tables (`access`).
"""

from __future__ import annotations

from dataclasses import dataclass

from syncline.kernel.errors import UnauthenticatedError
from syncline.kernel.identity import Caller


@dataclass(frozen=True, slots=True)
class Admission:
    """`signed_in`: callers must be signed in, as an application with providers demands it.

    `several_issuers`: more than one issuer's tokens are accepted, so that a subject alone may be two people.
    """

    signed_in: bool = False
    several_issuers: bool = False

    def allows(self, caller: Caller, *, anonymous: bool) -> bool:
        """Whether `caller` may use what is declared with `anonymous` or without."""
        return (
            anonymous or not self.signed_in or caller.identity is not None or caller.admin or caller.backend
        )

    def check(self, caller: Caller, *, anonymous: bool, what: str) -> None:
        """Raises UnauthenticatedError unless `allows`. `what` is for people: "messages:list"."""
        if not self.allows(caller, anonymous=anonymous):
            raise UnauthenticatedError(
                f"sign in to use {what}: nobody is signed in, and it is not declared anonymous=True"
            )
