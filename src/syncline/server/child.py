"""The process that serves, as its supervisor starts it."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import socket
import sys
import time
import traceback
from collections.abc import Mapping
from functools import partial

from syncline import __version__
from syncline.codegen import generate, generate_python
from syncline.functions import WATCHDOG, Release
from syncline.http import read_site
from syncline.kernel.errors import SetupError
from syncline.kernel.heartbeat import Heartbeat
from syncline.store.folder import DATABASE

from .console import Console, LogHandler, duration, size
from .deployment import Deployment
from .endpoint import forget_endpoint, publish_endpoint
from .errors import show_setup_error
from .listening import address_url, admin_address
from .orders import ORDERS, Orders
from .reload import Watcher
from .serving import HttpServer, serve
from .settings import Mode

#: With a busy lane beside it, the event loop gets the interpreter after at most this many seconds.
_SWITCH_SECONDS = 0.0005
_GARBAGE_THRESHOLD = 50_000


class Child:
    """One life of the serving process."""

    def __init__(self, orders: Orders, console: Console, environment: Mapping[str, str]) -> None:
        self._orders = orders
        self._settings = orders.settings
        self._console = console
        self._environment = environment
        self._began = time.monotonic()
        self._began_ns = time.time_ns()
        self._watcher: Watcher | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._server: HttpServer | None = None
        self._admin_listener: socket.socket | None = None

    def run(self) -> int:
        """Serve until told to stop. Returns the exit code."""
        WATCHDOG.attach(Heartbeat.attach(self._orders.heartbeat))
        self._stored = self._stored_size()
        try:
            self._deployment = Deployment(
                self._settings,
                self._orders.mode,
                self._console,
                self._environment,
                self._die,
                self._variables_changed,
            )
        except SetupError as error:
            show_setup_error(error, self._environment)
            return 1
        listener = socket.socket(fileno=self._orders.listener)
        number = self._orders.admin_listener
        self._admin_listener = None if number is None else socket.socket(fileno=number)
        sys.setswitchinterval(_SWITCH_SECONDS)
        try:
            serve(self._deployment, listener, self._console, self._started, self._admin_listener)
        finally:
            if self._watcher is not None:
                self._watcher.stop()
            forget_endpoint(self._settings.data)
            self._deployment.close()
        self._console.event("stopped")
        return 0

    # On the event loop's thread

    def _started(self, server: HttpServer) -> None:
        self._server = server
        self._loop = loop = asyncio.get_running_loop()
        loop.add_reader(self._orders.lifeline, self._orphaned)
        url = self._url()
        publish_endpoint(self._settings.data, self._admin_url() or url)
        if not self._orders.again:
            self._console.banner(self._title(), self._facts(url))
        os.write(self._orders.ready, b".")
        took = duration(time.monotonic() - self._began)
        self._console.event("ready", "", None, f"{self._deployment.summary()} in {took}")
        if self._orders.mode is Mode.DEV:
            self._generate(self._deployment.release)
            self._watcher = Watcher(
                self._settings.backend,
                self._settings.site,
                lambda found: self._post(self._loaded, found),
                lambda: self._post(self._site_changed),
                self._began_ns,
            )
            self._watcher.start()
        # What exists now stays for good: the collector need not look at it again.
        gc.collect()
        gc.freeze()
        gc.set_threshold(_GARBAGE_THRESHOLD, 20, 20)

    def _loaded(self, found: Release | BaseException) -> None:
        if isinstance(found, Release):
            began = time.monotonic()
            self._deployment.reload(found, partial(self._reloaded, began))
        else:
            self._not_reloaded(found)

    def _reloaded(self, began: float, error: BaseException | None) -> None:
        if error is None:
            self._console.event("reload", "", time.monotonic() - began, self._deployment.summary())
            self._generate(self._deployment.release)
        else:
            self._not_reloaded(error)

    def _not_reloaded(self, error: BaseException) -> None:
        self._console.event("reload", "", None, "failed; the code from before goes on serving", bad=True)
        if isinstance(error, SetupError):
            self._console.details([str(error)])
        else:
            self._console.details(traceback.format_exception(error))

    def _generate(self, release: Release) -> None:
        """Let the types of clients follow the functions."""
        folder, module = self._settings.typescript, self._settings.python
        began = time.monotonic()
        try:
            if module is not None and generate_python(release.registry).write(module):
                what = f"wrote {self._settings.shown(module)}"
                self._console.event("codegen", "", time.monotonic() - began, what)
            if folder is None:
                return
            written = generate(release.registry, release.schema).write(folder)
        except OSError as error:
            self._console.event("codegen", "", None, f"nothing was written: {error}", bad=True)
            return
        if written:
            what = f"wrote {', '.join(written)} to {self._settings.shown(folder)}"
            self._console.event("codegen", "", time.monotonic() - began, what)

    def _site_changed(self) -> None:
        try:
            self._deployment.pages.site = read_site(self._settings.site)
        except SetupError as error:
            self._console.event("site", "", None, "not read anew; the files from before are served", bad=True)
            self._console.details([str(error)])

    def _variables_changed(self) -> None:
        """Modules may have looked at the environment when they were imported: import them again."""
        if self._watcher is not None:
            self._watcher.reload()

    def _orphaned(self) -> None:
        """The supervisor has ended without ending this process."""
        assert self._loop is not None and self._server is not None
        self._loop.remove_reader(self._orders.lifeline)
        self._server.ask_to_stop()

    def _die(self, error: BaseException) -> None:
        """The store has failed: memory and disk may disagree, so only a new process may go on."""
        self._console.event("failed", "", None, f"{error}; the process is replaced", bad=True)
        sys.stdout.flush()
        os._exit(3)

    def _post(self, function: object, *arguments: object) -> None:
        assert self._loop is not None
        self._loop.call_soon_threadsafe(function, *arguments)  # type: ignore[arg-type]  # any callable of ours

    # The banner

    def _url(self) -> str:
        with socket.socket(fileno=os.dup(self._orders.listener)) as listener:
            port: int = listener.getsockname()[1]
        return address_url(self._settings.host, port)

    def _admin_url(self) -> str | None:
        return None if self._admin_listener is None else admin_address(self._admin_listener)

    def _title(self) -> str:
        settings = self._settings
        shown = settings.shown
        places = f"backend: {shown(settings.backend)}   data: {shown(settings.data)} ({self._stored})"
        return f"Syncline {__version__}   {places}"

    def _stored_size(self) -> str:
        database = self._settings.data / DATABASE
        return size(database.stat().st_size) if database.exists() else "new"

    def _facts(self, url: str) -> list[tuple[str, str]]:
        settings = self._settings
        signs_in = self._deployment.accounts.active
        if signs_in:
            # Cookies and passkeys of the sign-in belong to this name, which mails and tokens have, too.
            url = url.replace("//127.0.0.1:", "//localhost:")
        facts = [("API", url)]
        if settings.site is not None:
            facts.insert(0, ("Site", f"{url}/"))
        if settings.host in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
            facts.append(("", "reachable from other machines"))
        if signs_in:
            facts.append(("Sign-in", f"{settings.url or url}/auth/sign-in"))
        admin_url = self._admin_url()
        if admin_url is not None:
            facts.append(("Administration", admin_url))
        facts.append(("Admin key", settings.shown(settings.data / "admin_key")))
        return facts


def main() -> int:
    """Entry of the child process."""
    environment = dict(os.environ)
    orders = Orders.from_json(environment.pop(ORDERS))
    del os.environ[ORDERS]
    sys.argv = orders.command  # The lock of the data folder names it.
    console = Console()
    logging.basicConfig(handlers=[LogHandler(console)], level=logging.WARNING)
    return Child(orders, console, environment).run()
