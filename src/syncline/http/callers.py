"""Who an HTTP request is from: its credentials, checked."""

from __future__ import annotations

import binascii
import hmac
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final, assert_never
from urllib.parse import parse_qs

import msgspec

from syncline.identity import TOKEN_BYTES, Rejected, Unavailable, Verdict, Verified
from syncline.kernel.errors import TooManyCallsError
from syncline.kernel.identity import ANONYMOUS, Caller
from syncline.sync import Services, acting_identity

from .replies import Refusal, too_many_calls
from .request import Request

_decode_attributes: Final = msgspec.json.Decoder(dict[str, Any]).decode

Then = Callable[[Caller], None]

#: Also gets what was found in the caller's token, if it came with one: it ends some time.
ThenUntil = Callable[[Caller, Verified | None], None]


def check_key(candidate: str, key: str) -> bool:
    """Whether `candidate` is the admin key, in a time that does not tell how much of it is right.

    A deployment type before the instance's name (`dev:`, `prod:`) is not part of the key.
    """
    name, bar, secret = candidate.partition("|")
    return hmac.compare_digest(
        f"{name.rpartition(':')[2]}{bar}{secret}".encode(errors="replace"), key.encode()
    )


class Callers:
    """Resolves the credentials of requests. A wrong credential fails the request; it never makes it anonymous."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def resolve(self, request: Request, then: Then) -> None:
        """Call `then` with the caller, now or later. Raises Refusal, or refuses the request later."""
        if b"authorization" not in request.headers and b"adminKey=" not in request.url:
            self._count(request)
            then(ANONYMOUS)
        else:
            self.resolve_until(request, lambda caller, verified: then(caller))

    def resolve_until(self, request: Request, then: ThenUntil) -> None:
        """The same for requests that last: `then` also learns how long the caller is who he is."""
        authorization = request.headers.get(b"authorization")
        if authorization is not None:
            self._resolve_header(request, authorization, then)
        elif b"adminKey=" in request.url:
            query = request.url.partition(b"?")[2].decode("latin-1")
            then(*self._admin(request, parse_qs(query).get("adminKey", [""])[-1]))
        else:
            self._count(request)
            then(ANONYMOUS, None)

    def count(self, request: Request, caller: Caller, calls: int) -> None:
        """Count calls of nobody who is signed in. Raises Refusal."""
        try:
            self._services.count(caller, request.connection.limited_address(request.headers.items()), calls)
        except TooManyCallsError as error:
            raise too_many_calls(error) from None

    def _count(self, request: Request) -> None:
        self.count(request, ANONYMOUS, 1)

    def require_admin(self, caller: Caller, *, reading: bool = False) -> None:
        """Raises Refusal. `reading`: a key that is for reading only will do."""
        if caller.read_only and not reading:
            message = (
                "this needs an admin key of the scope `admin`; yours is for reading (syncline keys list)"
            )
            raise Refusal(403, "KeyScope", message)
        if not caller.admin:
            raise Refusal(
                403, "BadDeployKey", 'this needs the admin key: send "Authorization: Convex KEY" with it'
            )

    def _resolve_header(self, request: Request, header: bytes, then: ThenUntil) -> None:
        scheme, _, credential = header.decode("latin-1").strip().partition(" ")
        credential = credential.strip()
        match scheme.lower():
            case "convex":
                then(*self._admin(request, credential))
            case "bearer" if 0 < len(credential) <= TOKEN_BYTES:
                self._services.verify_user(credential, lambda verdict: self._verified(request, verdict, then))
            case "bearer":
                raise Refusal(
                    401, "InvalidAuthHeader", f"the token is empty or longer than {TOKEN_BYTES:,} bytes"
                )
            case _:
                raise Refusal(
                    401,
                    "InvalidAuthHeader",
                    'the header Authorization must be "Bearer TOKEN" or "Convex ADMIN_KEY"',
                )

    def _admin(self, request: Request, credential: str) -> tuple[Caller, Verified | None]:
        """The holder of an admin key `NAME|SECRET`, or of `NAME|SECRET:IDENTITY` acting as that user."""
        name, bar, rest = credential.partition("|")
        secret, colon, encoded = rest.partition(":")
        address = request.connection.client_address(request.headers.items())
        administers = request.connection.administers
        grant = self._services.admin_grant(f"{name}{bar}{secret}", address, administers=administers)
        if grant is None:
            raise Refusal(
                403,
                "BadDeployKey",
                "this is not the admin key of this deployment. It is in the data folder, unless the environment sets it.",
            )
        if not colon:
            return grant.caller, grant.verified
        try:
            attributes = _decode_attributes(binascii.a2b_base64(encoded))
            return replace(grant.caller, identity=acting_identity(attributes)), grant.verified
        except (ValueError, RecursionError) as error:
            raise Refusal(
                400, "InvalidIdentity", f"the identity to act as must be a JSON object in base64: {error}"
            ) from None

    def _verified(self, request: Request, verdict: Verdict, then: ThenUntil) -> None:
        match verdict:
            case Verified(identity):
                request.guarded(then, Caller(identity), verdict)
            case Rejected(message, code):
                # Whoever is not recognised is nobody; and to find that out costs more than most calls.
                request.guarded(self._reject, request, Refusal(401, code, message))
            case Unavailable(message):
                request.refuse(Refusal(503, "AuthProviderUnavailable", message, retry_after=1))
            case _:
                assert_never(verdict)

    def _reject(self, request: Request, refusal: Refusal) -> None:
        self._count(request)
        raise refusal
