"""Syncline as an issuer of tokens: the built-in identity provider of a deployment, if its application wants one."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

import syncline.accounts as accounts
from syncline.accounts import AUDIENCE, AccountSettings, uses_accounts
from syncline.accounts.breached_passwords import check_file
from syncline.auth import GitHub, OpenIDSignIn
from syncline.functions import App
from syncline.http import ADMINISTERS, Surface, surface_of_starlette
from syncline.identity import Issuer, KeySet, LocalKeys
from syncline.kernel.clock import Clock
from syncline.kernel.errors import SetupError
from syncline.kernel.secrets import SecretBox
from syncline.sync import AdminGrant

from .proxies import trusted_proxies
from .settings import Mode, Settings

if TYPE_CHECKING:
    from syncline.accounts import Administrator, IdentityProvider
    from syncline.accounts.copies import Put
    from syncline.accounts.core import RoleChange
    from syncline.accounts.merge_moving import Move

#: Told the issuer, and what a user's role in an organisation is now (None: a member no more).
ChangeRole = Callable[[str, str, str, str | None], None]
FindGrant = Callable[[str, str | None], AdminGrant | None]

MAIL_URL = "SYNCLINE_MAIL_URL"
MAIL_FROM = "SYNCLINE_MAIL_FROM"
MAIL_SECRET = "SYNCLINE_MAIL_SECRET"  # noqa: S105 - the name of a variable
#: In place of a mail server, by somebody who wants none.
NO_MAIL = "none"
BREACHED = "SYNCLINE_BREACHED_PASSWORDS"

PREFIX = "/auth"
_ADMINISTRATION = f"{PREFIX}/v1"


class DeploymentAccounts:
    """Opens the identity provider once an application lists one of its ways to sign in, and keeps it from then on."""

    def __init__(
        self,
        settings: Settings,
        mode: Mode,
        clock: Clock,
        box: SecretBox,
        data_key: bytes | None,
        environment: Mapping[str, str],
        find_grant: FindGrant,
    ) -> None:
        """`find_grant`: what the holder of an admin key may do, given the key and the address that sent it."""
        self._find_grant = find_grant
        self._settings = settings
        self._mode = mode
        self._clock = clock
        self._box = box
        self._data_key = data_key
        self._environment = environment
        self._active = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._revoke: Callable[[str, str], None] = _nothing
        self._change_role: ChangeRole = _no_role
        self._keys_changed: Callable[[], None] = _nobody
        self._put_copies: Put | None = None
        self._move_documents: Move | None = None
        self.provider: IdentityProvider | None = None
        self._opening = threading.Lock()
        self._started = False
        self._asking: set[asyncio.Task[None]] = set()

    def use(self, app: App | None) -> None:
        """What the application wants from now on. Raises SetupError, changing nothing."""
        providers = () if app is None else app.auth
        self._active = uses_accounts(providers)
        if not self._active:
            return
        wanted = account_settings(self._settings, self._mode, app, self._environment)
        self.open(app)
        provider = self.provider
        assert provider is not None
        if self._loop is not None and not self._started:
            self._start(provider)
        if wanted != provider.settings:
            provider.configure(wanted)
        else:
            provider.reread_templates()

    def open(self, app: App | None) -> None:
        """Open what `use` needs, if it is not open. Waits for the disk, and for the first signing key: a running server
        does this on another thread than the event loop's. Raises SetupError."""
        with self._opening:
            if not self.must_open(app):
                return
            wanted = account_settings(self._settings, self._mode, app, self._environment)
            provider = accounts.IdentityProvider.open(
                self._settings.data, wanted, self._clock, self._box, self._data_key
            )
            provider.find_administrator = self._find_administrator
            provider.set_listeners(on_ended=self._ended, on_keys=self._keys, on_roles=self._roles)
            self.provider = provider

    def must_open(self, app: App | None) -> bool:
        return self.provider is None and app is not None and uses_accounts(app.auth)

    def check(self, app: App | None) -> None:
        """Raises SetupError if `use` would."""
        if app is not None and uses_accounts(app.auth):
            account_settings(self._settings, self._mode, app, self._environment)

    @property
    def active(self) -> bool:
        """Whether the application in force signs people in by Syncline itself."""
        return self._active

    def issuers(self) -> list[Issuer]:
        """The issuer that this is, with its keys of now."""
        provider = self.provider
        if provider is None or not self._active:
            return []
        keys = LocalKeys(KeySet.load(provider.key_set))
        algorithms = frozenset(key["alg"] for key in provider.key_set["keys"])
        return [Issuer(provider.issuer, keys, algorithms, frozenset({AUDIENCE}), strict=True)]

    def start(
        self,
        revoke: Callable[[str, str], None],
        change_role: ChangeRole,
        keys_changed: Callable[[], None],
        put_copies: Put,
        move_documents: Move,
    ) -> None:
        """On the event loop's thread. `revoke(issuer, session)` is told what ended, `change_role(issuer, organization,
        user, role)` what changed, `keys_changed` when keys did.

        `put_copies` is given what functions may know of users and organisations, whenever it changes; `move_documents` is
        asked to give the documents of merged users to those they are now.
        """
        self._put_copies, self._move_documents = put_copies, move_documents
        self._loop = asyncio.get_running_loop()
        self._revoke, self._change_role, self._keys_changed = revoke, change_role, keys_changed
        if self.provider is not None:
            self._start(self.provider)

    def mounted(self, others: ASGIApp, claims: Callable[[str], bool]) -> ASGIApp:
        """An application that answers what is under /auth itself, and leaves the rest to `others`.

        What `claims` says of, routes and mounted applications, is opened by the session cookie too.
        """

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            path: str = scope.get("path", "")
            provider = self.provider if self._active else None
            if provider is None or scope["type"] != "http":
                await others(scope, receive, send)
            elif path == PREFIX or path.startswith(f"{PREFIX}/"):
                await provider.application(_public(scope), receive, send)
            elif claims(path) and not path.startswith("/api/"):
                await provider.page_sessions.serve(others, scope, receive, send)
            else:
                await others(scope, receive, send)

        return application

    def surface(self) -> Iterator[Surface]:
        """What is answered below /auth now."""
        if self.provider is not None and self._active:
            yield from surface_of_starlette("sign-in", self.provider.routes)

    def waiting(self, then: Callable[[tuple[int, int] | None], None]) -> None:
        """How many mails and webhooks wait: `then` is called now or later. None: accounts are not on, or overloaded."""
        provider, loop = self.provider, self._loop
        if provider is None or loop is None or not self._active:
            then(None)
            return

        async def ask() -> None:
            try:
                found = await provider.waiting()
            except accounts.AccountError:
                found = None
            then(found)

        task = loop.create_task(ask())
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    def close(self) -> None:
        if self.provider is not None:
            self.provider.close()

    def _find_administrator(self, key: str, address: str) -> Administrator | None:
        grant = self._find_grant(key, address)
        if grant is None:
            return None
        id = grant.caller.admin_key
        return accounts.Administrator("admin" if id is None else f"key:{id}", grant.caller.read_only)

    def _start(self, provider: IdentityProvider) -> None:
        self._started = True
        provider.copies.put = self._put_copies
        provider.documents.move = self._move_documents
        provider.start()
        for session in provider.ended_lately():
            self._revoke(provider.issuer, session)
        self._tell_roles(provider.issuer, provider.roles_changed_lately())

    def _ended(self, sessions: list[str]) -> None:
        """On any thread. On the loop's at once: who is told that a session has ended must find it ended."""
        provider, loop = self.provider, self._loop
        if provider is None or loop is None:
            return
        here = _is_running(loop)
        for session in sessions:
            if here:
                self._revoke(provider.issuer, session)
            else:
                loop.call_soon_threadsafe(self._revoke, provider.issuer, session)

    def _roles(self, changes: list[RoleChange]) -> None:
        """As `_ended`."""
        provider, loop = self.provider, self._loop
        if provider is None or loop is None:
            return
        if _is_running(loop):
            self._tell_roles(provider.issuer, changes)
        else:
            loop.call_soon_threadsafe(self._tell_roles, provider.issuer, changes)

    def _tell_roles(self, issuer: str, changes: list[RoleChange]) -> None:
        for each in changes:
            self._change_role(issuer, each.organization, each.user_id, each.role)

    def _keys(self) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._keys_changed)


def account_settings(
    settings: Settings, mode: Mode, app: App | None, environment: Mapping[str, str]
) -> AccountSettings:
    """What the identity provider is told. Raises SetupError."""
    url = settings.url or _local_url(settings, mode)
    production = mode.is_production
    if production and url.startswith("http://") and not _is_loopback(urlsplit(url).hostname or ""):
        raise SetupError(
            f"the address of this server is {url}: over http anybody on the way can take over sessions",
            "put a proxy with a certificate in front, and set url (SYNCLINE_URL) to https://...",
        )
    mail_url = environment.get(MAIL_URL, "")
    wanted = AccountSettings(
        () if app is None else app.auth,
        url,
        production,
        mail_url=None if mail_url in ("", NO_MAIL) else mail_url,
        mail_from=environment.get(MAIL_FROM, ""),
        mail_secret=environment.get(MAIL_SECRET, ""),
        breached_passwords=_breached_passwords(environment),
        trusted_proxies=trusted_proxies(environment),
        environment=_environment_now,
        # A core is left to the event loop and the lane: a flood of sign-ins must not make others wait for their turn.
        hash_threads=max(1, min(4, (os.cpu_count() or 1) - 1)),
        limits=settings.make_limits(),
    )
    if production:
        _check_services(wanted)
    if production and not mail_url and wanted.needing_mail:
        *some, last = wanted.needing_mail
        ways = f"{', '.join(some)} and {last} need" if some else f"{last} needs"
        raise SetupError(
            f"{ways} mails, and no mail server is set: nobody could create an account or get back into one",
            f"set {MAIL_URL} in the environment (smtps://user:password@mail.example.com:465) and {MAIL_FROM}; with "
            f"{MAIL_URL}={NO_MAIL} the server starts all the same, and mails go nowhere",
        )
    return wanted


def _check_services(wanted: AccountSettings) -> None:
    for key, service in wanted.external.items():
        address = service.issuer if isinstance(service, OpenIDSignIn) else None
        address = service.host if isinstance(service, GitHub) else address
        if address is not None and address.startswith("http://"):
            raise SetupError(
                f"people would sign in with {key} at {address}: over http anybody on the way can be anybody",
                "use https:// in production; http://localhost is for `syncline dev`",
            )


def check_mails(app: App | None) -> None:
    """Try the application's texts and templates of mails. Raises SetupError, naming file and line. Reads files."""
    if app is None or not uses_accounts(app.auth):
        return
    settings = AccountSettings(app.auth, "http://localhost", production=False)
    if settings.accounts.mail_templates is not None or settings.accounts.texts:
        accounts.check_templates(settings)


def _breached_passwords(environment: Mapping[str, str]) -> Path | None:
    path = environment.get(BREACHED)
    if not path:
        return None
    check_file(Path(path))
    return Path(path)


def _environment_now() -> Mapping[str, str]:
    """Stored variables included, which are laid over the environment of the process."""
    return os.environ


def _local_url(settings: Settings, mode: Mode) -> str:
    if mode.is_production and not _is_loopback(settings.host):
        raise SetupError(
            "the address under which browsers reach this server is not known, and what is in mails and tokens cannot "
            "be taken from requests",
            'set it: url = "https://app.example.com" under [tool.syncline], or SYNCLINE_URL',
        )
    return f"http://localhost:{settings.port}"


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _is_running(loop: asyncio.AbstractEventLoop) -> bool:
    """Whether this is the loop's thread."""
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False


def _nothing(issuer: str, session: str) -> None:
    pass


def _no_role(issuer: str, organization: str, user: str, role: str | None) -> None:
    pass


def _nobody() -> None:
    pass


def _public(scope: Scope) -> Scope:
    """A request below the prefix, as it may get in: where administration is answered elsewhere, it does not exist."""
    path: str = scope["path"]
    if scope.get(ADMINISTERS, True) or not (
        path == _ADMINISTRATION or path.startswith(f"{_ADMINISTRATION}/")
    ):
        return scope
    return {**scope, "path": f"{PREFIX}/-", "raw_path": f"{PREFIX}/-".encode()}
