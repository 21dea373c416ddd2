"""`ctx.auth` of mutations, which may also sign tokens for other services."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from syncline.kernel.errors import SetupError

from .profiles import TransactionAuth


class MutationAuth(TransactionAuth):
    """`ctx.auth` of a mutation, which may also sign tokens for other services."""

    __slots__ = ()

    def sign_jwt(self, claims: Mapping[str, object] | None = None, *, expires_in: float | timedelta) -> str:
        """A JSON Web Token of this deployment (ES256) with these claims, for `expires_in` seconds, an hour at most.

        Other services verify it with the keys at `/.well-known/jwks.json`; its `iss` is the address of the server. It is
        no login: this server accepts it from nobody. `iss`, `iat`, `exp`, `nbf` and names that begin with `convex`,
        `cvx` or `syncline` cannot be set. Raises ArgumentError.
        """
        signer = self._run.settings.signer
        if signer is None:
            raise SetupError("ctx.auth.sign_jwt: there is no deployment here whose key could sign")
        return signer.sign(claims or {}, expires_in, self._run.seconds())
