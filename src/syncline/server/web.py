"""What an application serves besides functions: its routes and the applications that it mounts, per release."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from starlette.types import ASGIApp

from syncline.files import FileService
from syncline.functions import FunctionDefinition, Release
from syncline.functions.admission import Admission
from syncline.functions.engine import Engine
from syncline.http import (
    FileRecords,
    Files,
    Front,
    Gateway,
    Mounts,
    MountSet,
    Routes,
    RouteTable,
    Surface,
    surface_of,
)
from syncline.http.files import PREFIX as FILES
from syncline.sync import Services

from .file_keeper import FileKeeper
from .observer import Observer


@dataclass(frozen=True, slots=True)
class Prepared:
    """The routes of a release, and its mounted applications, which have started."""

    release: Release
    table: RouteTable
    mounts: MountSet

    @classmethod
    def of(cls, release: Release) -> Prepared:
        """Blocks while mounted applications start. Raises SetupError."""
        table = RouteTable(release.routes)
        return cls(release, table, Mounts.prepare(release.app))


class Web:
    """Routes and mounts in force."""

    def __init__(
        self, prepared: Prepared, services: Services, engine: Engine, observer: Observer, files: FileService
    ) -> None:
        def admission() -> Admission:
            return engine.release.registry.admission

        def find(path: str) -> FunctionDefinition | None:
            return engine.release.registry.get(path)

        records = FileRecords(services, files, find)
        self._files = Files(records)
        self.keeper = FileKeeper(records)
        self._routes = Routes(services, admission)
        self._mounts = Mounts(services, engine, admission, observer.action)
        self.use(prepared)

    def front(self, gateway: Gateway, pages: ASGIApp) -> ASGIApp:
        """The application of the server: `pages` gets what no route and no mount takes."""
        gateway.leave(FILES + "/")
        front = Front(self._files, self._routes, self._mounts, pages, gateway.addresses)
        gateway.claims = front.claims
        return front

    def surface(self, gateway: Gateway) -> Iterator[Surface]:
        """What the gateway, files, routes and mounts answer now."""
        return surface_of(gateway, self._routes, self._mounts)

    def use(self, prepared: Prepared) -> None:
        self._routes.use(prepared.table)
        self._mounts.use(prepared.mounts, prepared.release.app)

    def close(self) -> None:
        """Let mounted applications shut down."""
        self._mounts.close()


def prepare(
    release: Release, then: Callable[[Prepared | Exception], None], first: Callable[[], None] | None = None
) -> None:
    """Prepare a release without holding up this thread; `then` is called here or on another one.

    `first` is something else to do before, that takes a while.
    """

    def work() -> None:
        try:
            if first is not None:
                first()
            prepared = Prepared.of(release)
        except Exception as error:
            then(error)
        else:
            then(prepared)

    if first is not None or (release.app is not None and release.app.mounts):
        threading.Thread(target=work, name="syncline-mounting", daemon=True).start()
    else:
        work()
