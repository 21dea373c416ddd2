"""The composition root: an application on its data, with everything that serves it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from functools import partial

from starlette.types import ASGIApp

from syncline import __version__
from syncline.database import Progress
from syncline.files import FilePlace, FileService
from syncline.functions import App, FunctionDefinition, LogBook, Release, RunSettings, load_application
from syncline.functions.engine import Engine
from syncline.functions.signed_tokens import TokenSigner
from syncline.http import (
    Callers,
    DeploymentEndpoints,
    Diagnostics,
    FunctionEndpoints,
    Gateway,
    LogEndpoint,
    MetricsEndpoint,
    Origins,
    Pages,
    ReferencePages,
    Surface,
    SyncSockets,
    WatchEndpoint,
    check_key,
    read_site,
    register_misc,
    surface_of_starlette,
)
from syncline.http.reference_pages import GUARDED
from syncline.jobs import Jobs
from syncline.kernel.clock import Clock, SystemClock, SystemEntropy
from syncline.kernel.errors import SetupError
from syncline.kernel.identity import Caller
from syncline.store import Store
from syncline.store.folder import DATABASE
from syncline.sync import LiveQueries, Services, stranger_rates
from syncline.transfer.live_exports import LiveExports
from syncline.transfer.live_imports import LiveImports

from .accounts import MAIL_SECRET, MAIL_URL, DeploymentAccounts
from .admin_key import VARIABLE as ADMIN_KEY
from .admin_key import instance_name, load_admin_key
from .audit_log import AuditedEngine, AuditLog
from .console import WORTH_TELLING, Console, counted
from .copies import put_copies
from .data_key import VARIABLE as DATA_KEY
from .data_key import read_data_key
from .file_vault import FILES
from .key_ring import KeyRing
from .merges import move_documents
from .metrics import Metrics
from .observer import ObservedEngine, Observer
from .production import check_production
from .proxies import trusted_proxies
from .secret_key import open_secrets
from .settings import Mode, Settings
from .user_rates import UserRates
from .variables import ProcessVariables
from .verification import Verification
from .web import Prepared, Web, prepare

#: What functions must not find in `ctx.env`.
_SECRETS = frozenset({ADMIN_KEY, DATA_KEY, MAIL_URL, MAIL_SECRET})
#: Variables that functions see although nobody set them: where clients reach this server. Official tools know these names.
_ADDRESSES = ("CONVEX_CLOUD_URL", "CONVEX_SITE_URL")
_TICK_SECONDS = 1.0

#: Folders in the data folder.
UPLOADS = "uploads"
EXPORTS = "exports"


class Deployment:
    """Built bottom up by the initialiser, which raises SetupError; taken down by `close`.

    Between them, on the event loop's thread: `start`, then requests come in through `gateway` and `pages`.
    """

    def __init__(
        self,
        settings: Settings,
        mode: Mode,
        console: Console,
        environment: Mapping[str, str],
        on_fatal: Callable[[BaseException], None],
        on_variables: Callable[[], None] = lambda: None,
    ) -> None:
        """`on_variables` is called, on the lane's thread, when stored environment variables have changed."""
        self.settings = settings
        self.mode = mode
        self._console = console
        self._clock: Clock = SystemClock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        limits, proxies = settings.make_limits(), trusted_proxies(environment)
        redact = mode.is_production
        if mode.is_production:
            check_production(settings.data, environment)
        site = read_site(settings.site)
        self._variables = ProcessVariables(environment, on_variables)
        store: Store | None = None
        try:
            if (settings.data / DATABASE).exists():
                # Before the application is imported: its modules may look at the variables that are stored here.
                store = self._open_store(environment)
                self._variables.load(store, open_secrets(settings.data, environment, SystemEntropy()))
            #: The code in force.
            self.release = load_application(settings.backend)
            self.verification = Verification(
                self._clock, limits, production=redact, own=settings.public_origin
            )
            self._key_ring = KeyRing(settings.data, self._clock, self.verification.revocations)
            self.verification.check(self.release.app)
            self._store = store = store or self._open_store(environment)
            secrets = open_secrets(settings.data, environment, SystemEntropy())
            admin_key = load_admin_key(settings.data, environment, SystemEntropy())
            #: Syncline's own ways to sign in.
            self.accounts = DeploymentAccounts(
                settings,
                mode,
                self._clock,
                secrets,
                read_data_key(environment),
                environment,
                lambda key, address: self._services.admin_grant(key, address),
            )
            self.accounts.use(self.release.app)
            self._accept_tokens(self.release.app)
            env = dict.fromkeys(_ADDRESSES, settings.public_origin) if settings.public_origin else {}
            env |= {name: value for name, value in environment.items() if name not in _SECRETS}
            place = FilePlace(
                settings.data / FILES,
                settings.storage,
                self._store.secret("files"),
                read_data_key(environment),
                settings.public_origin,
            )
            self._files = FileService(place, limits)
            signer = TokenSigner(self._store.secret("tokens"), settings.public_origin)
            self._signed_keys = json.dumps(signer.key_set).encode()
            self.engine = Engine(
                self._store,
                self.release,
                RunSettings(
                    limits=limits, env=env, redact=redact, secrets=secrets, files=self._files, signer=signer
                ),
                self._clock,
                SystemEntropy(),
                report=self._report,
                on_fatal=on_fatal,
                on_variables=self._variables.update,
            )
            prepared = Prepared.of(self.release)
        except BaseException:
            if store is not None:
                store.close()
            raise
        self.live = LiveQueries(self.engine, self._clock, limits)
        self._book = LogBook(limits, self._clock)
        self._observer = Observer(self.live, self._book, console, self._clock, production=redact)
        self._audit = AuditLog(settings.data, self._clock)
        engine = AuditedEngine(ObservedEngine(self.engine, self._observer, self._clock), self._audit)
        self.jobs = Jobs(self.engine, engine.act, self._clock, limits, self._later)
        statistics = self.engine.node.settings.statistics
        self._metrics = Metrics(statistics, self.live, self.jobs, self._store, self.accounts.waiting)
        self._services = Services(
            live=self.live,
            engine=UserRates(engine, limits, self._clock),
            clock=self._clock,
            entropy=SystemEntropy(),
            limits=limits,
            check_admin_key=partial(check_key, key=admin_key),
            find_admin_key=self._key_ring.find,
            on_refused_key=self._audit.refused,
            on_administered=self._audit.administered,
            verify_user=self.verification.verifier,
            revocations=self.verification.revocations,
            count_strangers=stranger_rates(limits.anonymous_calls, limits.counted_callers, self._clock).count,
            redact=redact,
        )
        self._imports = LiveImports(
            self.engine,
            self._store,
            settings.data / UPLOADS,
            self._clock,
            SystemEntropy(),
            limits,
            self._files.vault,
        )
        self._exports = LiveExports(
            self.engine, self._store, settings.data / EXPORTS, self._clock, self._files.vault
        )
        own = [settings.url] if settings.url and settings.origins else []
        self.gateway = Gateway(limits, self._clock, Origins([*settings.origins, *own]), proxies)
        self.gateway.leave_preflights("/auth/")
        self.pages = Pages(site, instance_name=instance_name(admin_key), version=__version__)
        self._web = Web(prepared, self._services, self.engine, self._observer, self._files)
        self._reference = ReferencePages(
            self._services,
            lambda: self.engine.release.registry,
            instance_name=instance_name(admin_key),
            version=__version__,
            production=redact,
        )
        self._page_routes = self.pages.routes(self._reference.routes())
        self._register(instance_name(admin_key))

    def _register(self, name: str) -> None:
        gateway = self.gateway
        callers = Callers(self._services)
        FunctionEndpoints(self._services, callers, self._find_function, gateway)
        WatchEndpoint(self._services, callers, gateway)
        LogEndpoint(self._book, callers, gateway)
        Diagnostics(
            self._services,
            self.engine.node.settings.statistics,
            lambda: self.engine.release.catalog,
            callers,
            gateway,
        )
        MetricsEndpoint(self._metrics.collect, callers, gateway)
        DeploymentEndpoints(callers, gateway, self._services, self._imports, self._exports)
        register_misc(
            gateway,
            instance_name=name,
            version=__version__,
            ready=self._why_not_ready,
            keys=self._signed_keys,
        )
        gateway.set_upgrade(SyncSockets(gateway, self._services).upgrade)

    def _open_store(self, environment: Mapping[str, str]) -> Store:
        return Store.open(self.settings.data, clock=self._clock, key=read_data_key(environment))

    def start(self) -> None:
        """Start the engine's threads and the timers. On the event loop's thread."""
        self._loop = asyncio.get_running_loop()
        self.engine.start(self._loop.call_soon_threadsafe, self._observer)
        self.gateway.wheel.start(self._loop)
        self.accounts.start(
            self.verification.revocations.revoke_session,
            self.verification.revocations.change_role,
            lambda: self._accept_tokens(self.release.app),
            partial(put_copies, self.engine),
            partial(move_documents, self.engine),
        )
        self.jobs.begin()
        self.engine.actions.warm()
        self._web.keeper.start()
        self._imports.start()
        self._tick()

    def application(self) -> ASGIApp:
        """What answers requests that are for none of the hot endpoints."""
        pages = self.pages.application(self._page_routes, lambda: self.gateway.origins)
        front = self._web.front(self.gateway, pages)
        claims = self.gateway.claims
        return self.accounts.mounted(front, lambda path: path in GUARDED or claims(path))

    def surface(self) -> list[Surface]:
        """All that is answered now, but for sync sockets."""
        pages = surface_of_starlette("page", self._page_routes)
        return [*self._web.surface(self.gateway), *pages, *self.accounts.surface()]

    def summary(self) -> str:
        """What was loaded: `7 functions, 2 tables, 3 indexes`."""
        release = self.engine.release
        tables = release.catalog.application_tables
        indexes = sum(len(table.indexes) for table in tables)
        return ", ".join(
            [
                counted(len(self.release.registry), "function"),
                counted(len(tables), "table"),
                counted(indexes, "index", "indexes"),
            ]
        )

    def reload(self, release: Release, done: Callable[[BaseException | None], None]) -> None:
        """Put new code in force; sockets stay open, and live queries run again. `done` gets what kept it out."""

        def settled(prepared: Prepared, error: BaseException | None) -> None:
            if error is None:
                release.activate()
                self.release = release
                self._web.use(prepared)
                self.accounts.use(release.app)
                self._accept_tokens(release.app)
            else:
                prepared.mounts.close()
            done(error)

        def switch(prepared: Prepared | Exception) -> None:
            if isinstance(prepared, Prepared):
                self.engine.reload(release, partial(settled, prepared))
            else:
                self.engine.post(done, prepared)

        try:
            self.verification.check(release.app)
            self.accounts.check(release.app)
        except SetupError as error:
            done(error)
            return
        opening = partial(self.accounts.open, release.app) if self.accounts.must_open(release.app) else None
        prepare(release, switch, opening)

    def close(self) -> None:
        """Finish what is queued, and close the store. The event loop may have ended."""
        self.gateway.wheel.stop()
        self.jobs.stop()
        self._imports.stop()
        self._exports.stop()
        if self._timer is not None:
            self._timer.cancel()
        self._web.close()
        self._files.close()
        if self._loop is not None:
            self.engine.stop()
        self.verification.close()
        self._audit.close()
        self.accounts.close()
        self._store.close()
        self.release.modules.close()

    def _tick(self) -> None:
        assert self._loop is not None
        self.live.tick()
        self.jobs.tick()
        self._key_ring.look()
        wait = _TICK_SECONDS
        if self.live.next_tick_ns is not None:
            wait = min(wait, max(0.0, (self.live.next_tick_ns - self._clock.wall_ns()) / 1e9))
        due = self._loop.time() + wait
        self._timer = self._loop.call_at(due, self._ticked, due)

    def _ticked(self, due: float) -> None:
        assert self._loop is not None
        self._metrics.note_lag(self._loop.time() - due)
        self._tick()

    def _later(self, seconds: float, call: Callable[[], None]) -> asyncio.TimerHandle:
        assert self._loop is not None
        return self._loop.call_later(seconds, call)

    def _accept_tokens(self, app: App | None) -> None:
        self.verification.use(app, self.accounts.issuers())

    def _find_function(self, path: str, caller: Caller) -> FunctionDefinition:
        return self.engine.release.registry.find(path, None, caller)

    def _why_not_ready(self) -> str | None:
        return "the server is stopping" if self.gateway.draining else None

    def _report(self, progress: Progress) -> None:
        if progress.total < WORTH_TELLING:
            return
        self._console.event(
            "schema", "", None, f"{progress.what}, {progress.done:,} of {progress.total:,} documents"
        )
