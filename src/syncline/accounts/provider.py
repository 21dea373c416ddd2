"""The accounts of a deployment: the one object that the server makes, starts, mounts and closes."""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from syncline.kernel.clock import Clock, Entropy, SystemEntropy
from syncline.kernel.secrets import SecretBox

from . import copies, housekeeping, organizations, signing_keys, webhooks
from .admin import Administrator, Asked, Endpoint
from .core import AccountError, Core, RoleChange, Visitor
from .credentials import missing
from .fixed_codes import refuse_proved
from .identity_file import FILE, IdentityFile
from .mail import outbox
from .mail.sender import Mailer, choose_transport
from .mail.transport import Transport
from .mail.writing import check_templates
from .merge_moving import DocumentMover
from .oauth import ProviderClient
from .outgoing import Outgoing
from .passwords import Hasher, check_new
from .rendering import Renderer
from .settings import AccountSettings
from .token_rates import TokenRates
from .web import PageSessions, make_application, make_routes
from .web.addresses import UnknownProxies
from .web.assets import ASSETS, read_asset
from .webhooks import WebhookSender
from .workers import Workers

logger = logging.getLogger("syncline.accounts")

FindAdministrator = Callable[[str, str], Administrator | None]

#: Seconds between rounds of forgetting what is over.
_ROUND_SECONDS = 600.0
#: How long the revocation of a session must be remembered: no token lives longer.
REMEMBERED_SECONDS = 3600 + 60


class IdentityProvider:
    """Users, sessions, pages and mails. Made and closed on any thread; `start` and `stop` on the event loop's."""

    def __init__(
        self,
        settings: AccountSettings,
        file: IdentityFile,
        clock: Clock,
        box: SecretBox,
        *,
        entropy: Entropy | None = None,
        transport: Transport | None = None,
    ) -> None:
        """`transport` sends mails, instead of what the settings say. Raises SetupError."""
        self.core = Core(file, settings, clock, entropy or SystemEntropy(), box)
        self.workers = Workers(self.core, self._sessions_ended, self._roles_changed, self._posted)
        self.hasher = Hasher(settings.password, settings.breached_passwords) if settings.password else None
        # Not the core's, which belongs to the file's thread.
        self._entropy = SystemEntropy()
        self._on_ended: Callable[[list[str]], None] = _ignore
        self._on_roles: Callable[[list[RoleChange]], None] = _ignore
        self._on_keys: Callable[[], None] = _ignore_keys
        #: Changes of before the start, which nobody was told of.
        self._early_roles: list[RoleChange] = []
        self._revoked: dict[str, int] = {}
        self._token_rates = TokenRates(clock)
        self.unknown_proxies = UnknownProxies()
        self._tasks: list[asyncio.Task[None]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        prefix = "__Host-" if settings.secure else ""
        self.session_cookie = f"{prefix}syncline_session"
        self.browser_cookie = f"{prefix}syncline_browser"
        self.device_cookie = f"{prefix}syncline_device"
        self.outgoing = Outgoing(settings.limits.outgoing_requests)
        self.webhooks = WebhookSender(self.core, self.workers, self.outgoing)
        self.mailer = Mailer(self.core, self.workers, transport or choose_transport(self.core, self.outgoing))
        self.copies = copies.CopySender(self.core, self.workers)
        self.documents = DocumentMover(self.core, self.workers)
        self._outboxes = (self.mailer.loop, self.webhooks.loop, self.copies.loop, self.documents.loop)
        #: Whose admin key a text is, and which address sent it. Nobody's, until somebody says so.
        self.find_administrator: FindAdministrator = _nobody
        #: The JSON Web Key Set that our tokens are verified with, as it is now.
        self.key_set: dict[str, Any] = {}
        self.workers.call(self._load)
        self.clients = self._make_clients()
        routes = make_routes(self)
        #: What `application` answers.
        self.routes: Sequence[BaseRoute] = routes
        self.application: ASGIApp = make_application(self, routes)
        #: For the application's own routes and mounts, opened in a browser.
        self.page_sessions = PageSessions(self)

    @classmethod
    def open(
        cls, folder: Path, settings: AccountSettings, clock: Clock, box: SecretBox, key: bytes | None
    ) -> IdentityProvider:
        """The accounts of a data folder. `key`: of encryption at rest. Raises SetupError."""
        check_templates(settings)
        file = IdentityFile(folder / FILE, key=key)
        try:
            if settings.production:
                refuse_proved(file)
            return cls(settings, file, clock, box)
        except BaseException:
            file.close()
            raise

    @property
    def issuer(self) -> str:
        """The `iss` of our tokens."""
        return self.core.settings.issuer

    def is_revoked(self, session_id: str) -> bool:
        """Whether the session of a token has ended. From any thread; takes no time."""
        return session_id in self._revoked

    def ended_lately(self) -> list[str]:
        """Sessions whose tokens may still be around although they ended."""
        return list(self._revoked)

    def roles_changed_lately(self) -> list[RoleChange]:
        """What members are, where tokens may still say something else, as of the start; later changes are told."""
        return self._early_roles

    def set_listeners(
        self,
        *,
        on_ended: Callable[[list[str]], None],
        on_keys: Callable[[], None],
        on_roles: Callable[[list[RoleChange]], None] | None = None,
    ) -> None:
        """`on_ended` hears of sessions that ended, `on_roles` of other roles in organisations, `on_keys` that the key
        set changed; on any thread, after the commit."""
        self._on_ended, self._on_keys, self._on_roles = on_ended, on_keys, on_roles or _ignore

    @property
    def settings(self) -> AccountSettings:
        return self.core.settings

    def configure(self, settings: AccountSettings) -> None:
        """Other settings from now on: a new version of the application is in force. Raises SetupError."""
        self.core.settings = settings
        self.core.pages = Renderer(settings)
        self.hasher = Hasher(settings.password, settings.breached_passwords) if settings.password else None
        self.clients = self._make_clients()
        # Without waiting: this is called on the event loop's thread.
        self.workers.post(self._follow_settings)

    def reread_templates(self) -> None:
        """Files of the application's mail templates have changed. They were checked."""
        self.core.pages = Renderer(self.core.settings)

    def start(self) -> None:
        """Begin to send mails and to forget what is over."""
        self._loop = asyncio.get_running_loop()
        for outgoing in self._outboxes:
            outgoing.start()
        self._tasks.append(self._loop.create_task(self._keep_house()))
        self._tasks.append(self._loop.create_task(self.workers.sign(self._prepare)))
        if self.hasher is not None:
            self._tasks.append(self._loop.create_task(self.workers.hash(self.hasher.prepare)))

    async def stop(self) -> None:
        """End the tasks; mails that were not sent are sent after the next start."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for outgoing in self._outboxes:
            await outgoing.stop()
        self._loop = None

    def close(self) -> None:
        """End the threads and close the file."""
        self.outgoing.close()
        self.workers.close()
        self.core.file.close()

    def administer(
        self, endpoint: Endpoint, path: Mapping[str, str], given: Mapping[str, Any], actor: str
    ) -> Any:
        """What an endpoint of `accounts.admin` answers; waits for it. Raises AccountError."""
        asked = Asked(self.core, endpoint, path, given, actor)
        if "password" in given:
            hasher, password = self._new_password(asked)
            asked.password_hash = hasher.hash(password)
        return self.workers.call(self._administer, asked)

    async def administer_later(
        self,
        endpoint: Endpoint,
        path: Mapping[str, str],
        given: Mapping[str, Any],
        actor: str,
        visitor: Visitor,
    ) -> Any:
        """The same off the event loop."""
        asked = Asked(self.core, endpoint, path, given, actor, visitor)
        if "password" in given:
            hasher, password = self._new_password(asked)
            asked.password_hash = await self.workers.hash(hasher.hash, password)
        return await self.workers.run(self._administer, asked)

    def _new_password(self, asked: Asked) -> tuple[Hasher, str]:
        """A password that may be one, and what hashes it."""
        settings, hasher = self.settings.password, self.hasher
        if settings is None or hasher is None:
            raise AccountError(
                "error.field", field="password", wanted="left out: there are no passwords here"
            )
        known = [asked.given.get(name) for name in ("email", "name")]
        related = (self.core.settings.name, *(each for each in known if isinstance(each, str)))
        with asked.about("password"):
            check_new(asked.text("password"), settings, related=related)
        return hasher, asked.text("password")

    def _administer(self, asked: Asked) -> Any:
        result = asked.endpoint.run(asked)
        if asked.endpoint.path == "/signing-keys":
            self.refresh_keys()
        return result

    def new_browser_secret(self) -> str:
        """A secret for the flow cookie of a browser. On the loop's thread."""
        return base64.urlsafe_b64encode(self._entropy.bytes(32)).decode().rstrip("=")

    async def waiting(self) -> tuple[int, int]:
        """How many mails and how many deliveries of webhooks are still to be made. Raises AccountError when overloaded."""
        return await self.workers.run(
            lambda: (outbox.count_waiting(self.core), webhooks.count_waiting(self.core))
        )

    def token_wait(self, session_id: str) -> float | None:
        """Count one token of a session. Seconds to wait if it had too many lately."""
        return self._token_rates.take(session_id)

    def _load(self) -> None:
        self._follow_settings()
        now = self.core.now()
        since = now - REMEMBERED_SECONDS
        self._revoked = dict(self.core.file.rows("SELECT id, at FROM revoked WHERE at >= ?", since))
        self._early_roles = organizations.changed_roles(self.core, REMEMBERED_SECONDS)

    def _follow_settings(self) -> None:
        copies.follow_settings(self.core)
        signing_keys.ensure(self.core)
        self.refresh_keys()

    def _prepare(self) -> None:
        self.core.pages.prepare()
        for path in ASSETS.iterdir():
            read_asset(path.name)

    def _make_clients(self) -> dict[str, ProviderClient]:
        settings = self.core.settings
        environment = settings.environment()
        for service in settings.external.values():
            names = missing(service, environment)
            if names:
                logger.warning(
                    "nobody can sign in with %s: %s %s not set. Its button is hidden until then.",
                    service.title,
                    " and ".join(names),
                    "is" if len(names) == 1 else "are",
                )
        return {
            key: ProviderClient(provider, settings, self.core.clock)
            for key, provider in settings.external.items()
        }

    def refresh_keys(self) -> None:
        """Look for keys again: they may have been rotated, or a new one's day has come. On the file's thread."""
        found = signing_keys.key_set(self.core)
        if found != self.key_set:
            self.key_set = found
            self._on_keys()

    def _sessions_ended(self, ids: list[str]) -> None:
        now = self.core.now()
        # A new dict each time: other threads look into it without a lock.
        self._revoked = {
            **{id: at for id, at in self._revoked.items() if at > now - REMEMBERED_SECONDS},
            **dict.fromkeys(ids, now),
        }
        self._on_ended(ids)

    def _roles_changed(self, changes: list[RoleChange]) -> None:
        if self._loop is None:
            self._early_roles += changes
        self._on_roles(changes)

    def _posted(self) -> None:
        if self._loop is not None:
            for outgoing in self._outboxes:
                self._loop.call_soon_threadsafe(outgoing.wake)

    async def _keep_house(self) -> None:
        while True:
            try:
                await self.workers.run(self._round)
            except Exception:  # A full queue or disk: there is another round.
                logger.exception("what is over could not be forgotten")
            await asyncio.sleep(_ROUND_SECONDS)

    def _round(self) -> None:
        housekeeping.trim(self.core)
        self.core.file.change("DELETE FROM revoked WHERE at < ?", self.core.now() - REMEMBERED_SECONDS)
        organizations.forget_roles(self.core, REMEMBERED_SECONDS)
        self.refresh_keys()


def _ignore(what: list[Any]) -> None:
    pass


def _nobody(key: str, address: str) -> Administrator | None:
    return None


def _ignore_keys() -> None:
    pass
