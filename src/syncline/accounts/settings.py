"""What the accounts of a deployment are told: the application's declarations, and where the server is reached."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from syncline.auth import (
    Accounts,
    EmailCode,
    External,
    Microsoft,
    OpenIDSignIn,
    Passkey,
    Password,
    Provider,
)
from syncline.kernel.errors import SetupError
from syncline.kernel.limits import Limits
from syncline.kernel.proxies import Network

from .credentials import missing

P = TypeVar("P", bound=Provider)

#: The audience of our own tokens: what the official clients' configuration calls the application id.
AUDIENCE = "convex"
#: Characters of a password, and of one that is all that stands between an account and strangers.
SHORTEST, ALONE = 8, 15
#: Microsoft's words for "anybody", and the tenant of all private accounts.
MANY_TENANTS = ("common", "organizations", "consumers")
_PRIVATE_ACCOUNTS = "9188040d-6c67-4c5b-b112-36a304b66dad"


def _no_variables() -> Mapping[str, str]:
    return {}


@dataclass(frozen=True)
class AccountSettings:
    """`url` is the origin under which browsers reach the server, without a path: `https://example.com`."""

    providers: tuple[Provider, ...]
    url: str
    production: bool
    #: Where mails go: `smtps://user:password@host:465`, or `https://host/path` of a receiver. None: nowhere; in development
    #: they are in the inbox page.
    mail_url: str | None = field(default=None, repr=False)
    mail_from: str = ""
    #: What a receiver of mails checks their signatures with.
    mail_secret: str = field(default="", repr=False)
    #: A file of SHA-1 hashes of passwords that are refused.
    breached_passwords: Path | None = None
    trusted_proxies: Sequence[Network] = ()
    #: The environment as it is now.
    environment: Callable[[], Mapping[str, str]] = field(default=_no_variables)
    #: Threads that hash passwords.
    hash_threads: int = 2
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        keys = [provider.key for provider in self.providers if isinstance(provider, External)]
        twice = {key for key in keys if keys.count(key) > 1}
        if twice:
            raise SetupError(f"App(auth=[...]) lists {sorted(twice)[0]} twice", "keep one of them")

    @property
    def issuer(self) -> str:
        return f"{self.url}/auth"

    @property
    def secure(self) -> bool:
        """Whether browsers come over https."""
        return self.url.startswith("https://")

    @cached_property
    def accounts(self) -> Accounts:
        return self._find(Accounts) or Accounts()

    @cached_property
    def password(self) -> Password | None:
        """With the length that is meant where none is said."""
        found = self._find(Password)
        if found is None or found.min_length is not None:
            return found
        others = any(not isinstance(each, Password | Accounts) for each in self.providers if each.built_in)
        alone = not others and not self.accounts.require_second_factor
        return replace(found, min_length=ALONE if alone else SHORTEST)

    @cached_property
    def email_code(self) -> EmailCode | None:
        return self._find(EmailCode)

    @cached_property
    def passkey(self) -> Passkey | None:
        return self._find(Passkey)

    @cached_property
    def external(self) -> dict[str, External]:
        return {provider.key: provider for provider in self.providers if isinstance(provider, External)}

    @property
    def offered(self) -> list[External]:
        """Services that people can sign in at now: those that know this application."""
        environment = self.environment()
        return [each for each in self.external.values() if not missing(each, environment)]

    @property
    def needing_mail(self) -> list[str]:
        """Declared ways to sign in that are of no use without mails."""
        declared = (self.password, self.email_code, self.passkey)
        services = [each for each in self.external.values() if not says_addresses(each)]
        return [f"{type(each).__name__}()" for each in (*declared, *services) if each is not None]

    @cached_property
    def name(self) -> str:
        """What the application is called."""
        return self.accounts.name or self.url.partition("://")[2]

    @cached_property
    def code_seconds(self) -> int:
        return 60 * (self.email_code.minutes if self.email_code else 10)

    def _find(self, kind: type[P]) -> P | None:
        return next((provider for provider in self.providers if isinstance(provider, kind)), None)


def says_addresses(provider: External) -> bool:
    """Whether a service's word counts, as a rule, that an address is its user's."""
    match provider:
        case Microsoft():
            return provider.tenant not in (*MANY_TENANTS, _PRIVATE_ACCOUNTS)
        case OpenIDSignIn():
            return provider.trust_email
        case _:
            return True


def uses_accounts(providers: Sequence[Provider]) -> bool:
    """Whether any of them is Syncline's own."""
    return any(provider.built_in for provider in providers)
