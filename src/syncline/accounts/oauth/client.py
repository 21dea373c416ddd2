"""The client's side of the dance: the address to send people to, and what their code is worth."""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping
from hashlib import sha256
from typing import Any
from urllib.parse import quote, urlencode

from syncline.accounts.credentials import AppleKey, Credentials, credentials
from syncline.accounts.outgoing import Answer, OutgoingError, send
from syncline.accounts.settings import AccountSettings
from syncline.auth import Apple, External, GitHub
from syncline.kernel.clock import Clock

from .endpoints import (
    Endpoints,
    accepts_issuer,
    from_discovery,
    github_endpoints,
    issuer_of,
    proves_email,
    scopes_of,
)
from .profile import Profile, from_claims, from_github

_KEPT_SECONDS = 600.0
_LEEWAY = 60
_ALGORITHMS = ["RS256", "PS256", "ES256", "ES384", "EdDSA", "Ed25519"]


class ProviderClient:
    """One service that people sign in at. Its methods block: run them by `Outgoing`."""

    def __init__(self, provider: External, settings: AccountSettings, clock: Clock) -> None:
        self.provider = provider
        self._settings = settings
        self._clock = clock
        self._endpoints: Endpoints | None = None
        self._keys: Mapping[str, Any] | None = None
        self._fetched = -_KEPT_SECONDS

    @property
    def callback(self) -> str:
        return f"{self._settings.issuer}/oauth/{self.provider.key}/callback"

    def authorize_url(self, state: str, nonce: str, verifier: str) -> str:
        """Where to send the browser. Raises OutgoingError."""
        endpoints = self._find_endpoints()
        challenge = base64.urlsafe_b64encode(sha256(verifier.encode()).digest()).decode().rstrip("=")
        query = {
            "response_type": "code",
            "client_id": self._credentials().id,
            "redirect_uri": self.callback,
            "scope": scopes_of(self.provider),
            "state": state,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        if endpoints.jwks:
            query["nonce"] = nonce
        if isinstance(self.provider, Apple):
            query["response_mode"] = "form_post"
        separator = "&" if "?" in endpoints.authorize else "?"
        return f"{endpoints.authorize}{separator}{urlencode(query, quote_via=quote)}"

    def redeem(self, code: str, nonce: str, verifier: str, issuer: str | None) -> Profile:
        """Who the holder of the code is. `issuer` is what the answer said of itself. Raises OutgoingError."""
        endpoints = self._find_endpoints()
        told = issuer is not None and endpoints.issuer and "{" not in endpoints.issuer
        # Another service may have sent the browser here with its own code.
        if told and issuer is not None and issuer.rstrip("/") != endpoints.issuer.rstrip("/"):
            raise OutgoingError("the answer is of another issuer")
        credentials = self._credentials()
        body = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.callback,
            "client_id": credentials.id,
            "client_secret": credentials.secret,
            "code_verifier": verifier,
        }
        answer = self._ask(
            "POST",
            endpoints.token,
            urlencode(body).encode(),
            {"content-type": "application/x-www-form-urlencoded"},
        )
        tokens = answer.json()
        if answer.status != 200 or "error" in tokens:
            raise OutgoingError(f"the code was refused: {tokens.get('error', answer.status)}")
        if endpoints.jwks:
            claims = self._verified(str(tokens.get("id_token", "")), nonce, endpoints, credentials.id)
            return self._checked(
                from_claims(self.provider.key, claims, proved=proves_email(self.provider, claims))
            )
        return self._checked(self._github_user(str(tokens.get("access_token", "")), endpoints))

    def _checked(self, profile: Profile) -> Profile:
        if not profile.subject:
            raise OutgoingError("the service did not say who it is")
        return profile

    def _github_user(self, token: str, endpoints: Endpoints) -> Profile:
        headers = {"authorization": f"Bearer {token}"}
        user = self._ask("GET", endpoints.user, b"", headers)
        emails = self._ask("GET", f"{endpoints.user}/emails", b"", headers)
        if user.status != 200:
            raise OutgoingError("the service does not say who it is")
        listed = Answer(200, b'{"emails":' + emails.body + b"}").json() if emails.status == 200 else {}
        return from_github(self.provider.key, user.json(), listed.get("emails"))

    def _verified(self, token: str, nonce: str, endpoints: Endpoints, client_id: str) -> dict[str, Any]:
        """The claims of an ID token. Raises OutgoingError."""
        from joserfc import jwt
        from joserfc.errors import JoseError
        from joserfc.jwk import KeySet
        from joserfc.jws import JWSRegistry

        # Services put what they like into headers; what is `crit` there is still refused.
        registry = JWSRegistry(algorithms=_ALGORITHMS, strict_check_header=False)
        claims: dict[str, Any] = {}
        for fresh in (False, True):  # A key that is not known may be new.
            try:
                keys = KeySet.import_key_set(self._find_keys(endpoints, fresh))  # type: ignore[arg-type]  # JSON that it checks
                claims = dict(jwt.decode(token, keys, registry=registry).claims)
                break
            except (JoseError, ValueError, KeyError, TypeError) as error:
                if fresh:
                    raise OutgoingError(f"the ID token is not right: {type(error).__name__}") from None
        now = self._clock.wall_ns() / 1e9
        audience = claims.get("aud")
        audiences = audience if isinstance(audience, list) else [audience]  # pyright: ignore[reportUnknownVariableType] - any JSON
        good = (
            accepts_issuer(self.provider, endpoints, claims)
            and client_id in audiences
            and (len(audiences) == 1 or claims.get("azp") == client_id)  # pyright: ignore[reportUnknownArgumentType] - as above
            and _is_number(claims.get("exp"))
            and claims["exp"] > now - _LEEWAY
            and claims.get("nonce") == nonce
        )
        if not good:
            raise OutgoingError("the ID token was made by, or for, somebody else")
        return claims

    def _find_endpoints(self) -> Endpoints:
        if self._endpoints is None:
            if isinstance(self.provider, GitHub):
                self._endpoints = github_endpoints(self.provider)
            else:
                url = f"{issuer_of(self.provider)}/.well-known/openid-configuration"
                answer = self._ask("GET", url)
                if answer.status != 200:
                    raise OutgoingError(f"{url} answered with status {answer.status}")
                try:
                    self._endpoints = from_discovery(answer.json())
                except ValueError as error:
                    raise OutgoingError(f"{url}: {error}") from None
        return self._endpoints

    def _find_keys(self, endpoints: Endpoints, fresh: bool) -> Mapping[str, Any]:
        old = self._clock.monotonic() - self._fetched > _KEPT_SECONDS
        if self._keys is None or fresh or old:
            self._keys = self._ask("GET", endpoints.jwks).json()
            self._fetched = self._clock.monotonic()
        return self._keys

    def _ask(
        self, method: str, url: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Answer:
        return send(method, url, production=self._settings.production, headers=headers, body=body)

    def _credentials(self) -> Credentials:
        """With the secret made, if it is one that is. Raises OutgoingError."""
        found = credentials(self.provider, self._settings.environment())
        if not found.id:
            raise OutgoingError(f"{self.provider.title} is not set up: its client id is missing")
        if found.key is not None and not found.secret:
            return Credentials(found.id, _apple_secret(found.key, issuer_of(self.provider), found.id))
        return found


def _apple_secret(given: AppleKey, issuer: str, client_id: str) -> str:
    """Apple wants a token that is signed with a key of one's own in place of a secret."""
    from joserfc import jwt
    from joserfc.jwk import ECKey

    try:
        key = ECKey.import_key(given.text.replace("\\n", "\n"))
    except ValueError:
        raise OutgoingError("Apple is not set up: APPLE_PRIVATE_KEY is no key") from None
    now = int(time.time())
    claims = {"iss": given.team, "iat": now, "exp": now + 300, "aud": issuer, "sub": client_id}
    return jwt.encode({"alg": "ES256", "kid": given.id}, claims, key)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
