"""Syncline's own ways to sign in: with any of them the server has users, sessions, hosted pages and mails.

app = App(auth=[Password(), EmailCode(), Passkey(), GitHub(), Accounts(name="Acme")])
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, Literal
from urllib.parse import urlsplit

from syncline.kernel.errors import SetupError

from .issuers import checked_url
from .provider import Provider

_ID = re.compile(r"[a-z][a-z0-9-]{0,30}").fullmatch
_COLOR = re.compile(r"#[0-9a-fA-F]{3,8}|(?:rgb|hsl|oklch)a?\([0-9a-z%.,/ -]{1,60}\)|[a-z]{3,30}").fullmatch
_SIZE = re.compile(r"\d{1,3}(\.\d+)?(px|rem|em)").fullmatch
_TENANT = re.compile(r"[A-Za-z0-9.-]{1,100}").fullmatch
#: Claims that a token's maker alone decides.
RESERVED_CLAIMS = frozenset(
    {"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "sid", "azp"}
    | {"auth_time", "mfa_time", "fva", "o", "act", "scp"}
)

SignUp = Literal["open", "invited", "closed"]
Profiles = Literal["own", "signed_in"]


@dataclass(frozen=True, kw_only=True)
class BuiltIn(Provider):
    """What every way to sign in of Syncline itself is."""

    built_in: ClassVar[bool] = True


@dataclass(frozen=True, kw_only=True)
class Password(BuiltIn):
    """E-mail address and password.

    Passwords have `min_length` to 256 characters and no rules of composition; those that are known to everybody are
    refused. Unless it is said, `min_length` is 8, and 15 where a password is all that there is: no other way to sign in
    is listed, and no second step is required (as NIST SP 800-63B has it). `memory_kib`, `passes` and `lanes` are the cost of their hashes (argon2id); a changed cost is applied
    as people sign in.
    """

    min_length: int | None = None
    memory_kib: int = 19 * 1024
    passes: int = 2
    lanes: int = 1

    def __post_init__(self) -> None:
        if self.min_length is not None and not 8 <= self.min_length <= 64:
            raise SetupError(f"Password(min_length={self.min_length!r})", "it is between 8 and 64")
        if self.memory_kib < 8 * 1024 or not 1 <= self.passes <= 20 or not 1 <= self.lanes <= 16:
            raise SetupError(
                f"Password(memory_kib={self.memory_kib!r}, passes={self.passes!r}, lanes={self.lanes!r}) is no "
                "cost for a hash",
                "memory_kib is 8192 or more, passes 1 to 20, lanes 1 to 16",
            )


@dataclass(frozen=True, kw_only=True)
class EmailCode(BuiltIn):
    """A code of six digits by e-mail, and a link that does the same. `minutes`: how long both are good."""

    minutes: int = 10

    def __post_init__(self) -> None:
        if not 2 <= self.minutes <= 60:
            raise SetupError(f"EmailCode(minutes={self.minutes!r})", "it is between 2 and 60")


@dataclass(frozen=True, kw_only=True)
class Passkey(BuiltIn):
    """Passkeys: the fingerprint, face or PIN of a device. People add them on their account page."""


@dataclass(frozen=True, kw_only=True)
class External(BuiltIn):
    """Sign-in at another service. Without `client_id` and `client_secret` they come from the environment.

    The variables are `GITHUB_CLIENT_ID` and `GITHUB_CLIENT_SECRET` for GitHub, and so on. The address to enter there
    is `{site}/auth/oauth/{id}/callback`.
    """

    client_id: str = ""
    client_secret: str = ""
    #: Its place in addresses, and the name under which its users are stored.
    id: ClassVar[str] = ""

    @property
    def key(self) -> str:
        """Its place in addresses, and the name under which its users are stored."""
        return self.id

    @property
    def title(self) -> str:
        """Its name on buttons."""
        return type(self).__name__


@dataclass(frozen=True, kw_only=True)
class GitHub(External):
    """Sign-in with GitHub. `host`: another one for an Enterprise Server of your own."""

    id: ClassVar[str] = "github"
    host: str = "https://github.com"

    def __post_init__(self) -> None:
        object.__setattr__(self, "host", checked_url(self.host, f"the host of GitHub(host={self.host!r})"))


@dataclass(frozen=True, kw_only=True)
class Google(External):
    """Sign-in with Google."""

    id: ClassVar[str] = "google"
    issuer: ClassVar[str] = "https://accounts.google.com"


@dataclass(frozen=True, kw_only=True)
class Microsoft(External):
    """Sign-in with Microsoft. `tenant`: the id of one organisation, or `common` for all and private accounts.

    Addresses are believed only of a single tenant whose people you trust: with `common` anybody can write any address
    into a tenant of his own, so people prove theirs by a code, once.
    """

    id: ClassVar[str] = "microsoft"
    host: ClassVar[str] = "https://login.microsoftonline.com"
    tenant: str = "common"

    def __post_init__(self) -> None:
        if _TENANT(self.tenant) is None:
            raise SetupError(f"Microsoft(tenant={self.tenant!r})", "it is a tenant id, a domain, or `common`")


@dataclass(frozen=True, kw_only=True)
class Apple(External):
    """Sign-in with Apple. `client_id` is the Services ID.

    The client secret is made from the key that Apple gives you: `team_id`, `key_id` and `private_key` (the text of
    the .p8 file), or `APPLE_TEAM_ID`, `APPLE_KEY_ID` and `APPLE_PRIVATE_KEY` in the environment.
    """

    id: ClassVar[str] = "apple"
    issuer: ClassVar[str] = "https://appleid.apple.com"
    team_id: str = ""
    key_id: str = ""
    private_key: str = ""


@dataclass(frozen=True, kw_only=True)
class OpenIDSignIn(External):
    """Sign-in at any OpenID Connect provider: Keycloak, Authentik, Okta, Entra, a company's own.

    `name` is its place in addresses and in the names of variables (`acme`: `ACME_CLIENT_ID`), `label` the text of its
    button. `trust_email`: whether its word that an address belongs to somebody counts here; if not, a code to it does.
    """

    name: str
    issuer: str
    label: str = ""
    scopes: Sequence[str] = ("openid", "email", "profile")
    trust_email: bool = True

    def __post_init__(self) -> None:
        if _ID(self.name) is None or self.name in ("github", "google", "microsoft", "apple"):
            raise SetupError(
                f"OpenIDSignIn(name={self.name!r})",
                "a name has lower-case letters, digits and dashes, and is not the name of another provider",
            )
        issuer = checked_url(self.issuer, f"the issuer of OpenIDSignIn(name={self.name!r})")
        object.__setattr__(self, "issuer", issuer)

    @property
    def key(self) -> str:
        return self.name

    @property
    def title(self) -> str:
        return self.label or self.name.capitalize()


@dataclass(frozen=True, kw_only=True)
class Theme:
    """How the hosted pages look. `logo`: an address of the site (`/logo.svg`) or a `data:` URL of an image."""

    accent: str = "#4f46e5"
    accent_dark: str = "#8b8cf8"
    radius: str = "10px"
    logo: str = ""

    def __post_init__(self) -> None:
        for name in ("accent", "accent_dark"):
            if _COLOR(getattr(self, name)) is None:
                raise SetupError(
                    f"Theme({name}={getattr(self, name)!r}) is no colour", 'for example "#4f46e5"'
                )
        if _SIZE(self.radius) is None:
            raise SetupError(f"Theme(radius={self.radius!r}) is no length", 'for example "10px"')
        local = self.logo.startswith("/") and not self.logo.startswith("//")
        if self.logo and not local and not self.logo.startswith("data:image/"):
            raise SetupError(f"Theme(logo={self.logo[:60]!r})", 'for example "/logo.svg", a file of the site')


@dataclass(frozen=True, kw_only=True)
class Accounts(BuiltIn):
    """Settings of accounts, sessions and pages, for all of Syncline's own ways to sign in. At most one is listed.

    - `name`: what the application is called on pages and in mails.
    - `sign_up`: `open` to everybody, to the `invited` only, or `closed`.
    - `idle_days`, `max_days`: a session ends after this time without use, and after this time in any case.
    - `token_seconds`: how long an access token is good (60 to 3600).
    - `redirects`: further origins (`https://app.example.com`) that people may be sent to after sign-in, and whose
      pages may call the sign-in API. The site's own always may.
    - `claims`: further claims of tokens, by name: the dotted name of what they show (`user.public_metadata.plan`).
    - `blocked`, `allowed`: addresses or domains (`@example.com`) that may not, or alone may, sign up.
    - `block_disposable`: whether addresses of services that throw mailboxes away may not sign up. Needs
      `pip install "syncline[disposable]"`. What `allowed` names may all the same.
    - `algorithm`: what tokens are signed with.
    - `texts`: other words for pages and mails, by language and name: `{"de": {"sign_in.title": "Willkommen"}}`.
    - `mail_templates`: a folder of templates for mails, `Path(__file__).parent / "mails"`; see the page on e-mail.
    - `require_second_factor`: whether everybody must have one.
    - `clear_storage`: whether who signs out everywhere or deletes the account takes along what pages of this origin keep
      in the browser (`localStorage`, IndexedDB, service workers).
    - `profiles`: whose `UserProfile` public functions see: the caller's `own` only, or with `signed_in` everybody's.
    - `profile_emails`: whether profiles tell the primary address, once it is proved.
    """

    name: str = ""
    sign_up: SignUp = "open"
    idle_days: float = 7
    max_days: float = 30
    token_seconds: int = 300
    redirects: Sequence[str] = ()
    claims: Mapping[str, str] = field(default_factory=dict[str, str])
    blocked: Sequence[str] = ()
    allowed: Sequence[str] = ()
    block_disposable: bool = False
    algorithm: Literal["RS256", "ES256"] = "RS256"
    theme: Theme = Theme()
    texts: Mapping[str, Mapping[str, str]] = field(default_factory=dict[str, Any])
    mail_templates: Path | None = None
    require_second_factor: bool = False
    clear_storage: bool = True
    profiles: Profiles = "own"
    profile_emails: bool = False

    def __post_init__(self) -> None:
        if self.sign_up not in ("open", "invited", "closed"):
            raise SetupError(f"Accounts(sign_up={self.sign_up!r})", "it is open, invited or closed")
        if self.profiles not in ("own", "signed_in"):
            raise SetupError(f"Accounts(profiles={self.profiles!r})", "it is own or signed_in")
        if not 60 <= self.token_seconds <= 3600:
            raise SetupError(f"Accounts(token_seconds={self.token_seconds!r})", "it is between 60 and 3600")
        if not 0 < self.idle_days <= self.max_days <= 400:
            raise SetupError(
                f"Accounts(idle_days={self.idle_days!r}, max_days={self.max_days!r})",
                "idle_days is above 0 and no more than max_days, which is 400 at most",
            )
        reserved = sorted(RESERVED_CLAIMS & self.claims.keys())
        if reserved:
            raise SetupError(
                f"Accounts(claims=...) sets {', '.join(reserved)}, which tokens have a meaning for already",
                "choose another name",
            )
        if self.algorithm not in ("RS256", "ES256"):
            raise SetupError(f"Accounts(algorithm={self.algorithm!r})", "it is RS256 or ES256")
        if self.block_disposable and find_spec("disposable_email_domains") is None:
            raise SetupError(
                "Accounts(block_disposable=True) needs a list that is not installed",
                'pip install "syncline[disposable]"',
            )
        templates = self.mail_templates
        if templates is not None and not (templates.is_absolute() and templates.is_dir()):
            raise SetupError(
                f"Accounts(mail_templates={str(templates)!r}) is no folder",
                'say where it is from the module that names it: Path(__file__).parent / "mails"',
            )
        object.__setattr__(self, "redirects", tuple(_checked_origin(text) for text in self.redirects))


def _checked_origin(text: str) -> str:
    url = checked_url(text, "an entry of Accounts(redirects=[...])")
    parts = urlsplit(url)
    if parts.path:
        raise SetupError(
            f"Accounts(redirects=[...]) holds {text!r}, which is more than an origin",
            f'write "{parts.scheme}://{parts.netloc}"',
        )
    return url
