"""What an application serves besides functions: its routes and the applications that it mounts, per release."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from starlette.types import ASGIApp

from syncline.functions import Release
from syncline.functions.admission import Admission
from syncline.functions.engine import Engine
from syncline.http import Front, Gateway, Mounts, MountSet, Routes, RouteTable
from syncline.sync import Services

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

    def __init__(self, prepared: Prepared, services: Services, engine: Engine, observer: Observer) -> None:
        def admission() -> Admission:
            return engine.release.registry.admission

        self._routes = Routes(services, admission)
        self._mounts = Mounts(services, engine, admission, observer.action)
        self.use(prepared)

    def front(self, gateway: Gateway, pages: ASGIApp) -> ASGIApp:
        """The application of the server: `pages` gets what no route and no mount takes."""
        front = Front(self._routes, self._mounts, pages)
        gateway.claims = front.claims
        return front

    def use(self, prepared: Prepared) -> None:
        self._routes.use(prepared.table)
        self._mounts.use(prepared.mounts, prepared.release.app)

    def close(self) -> None:
        """Let mounted applications shut down."""
        self._mounts.close()


def prepare(release: Release, then: Callable[[Prepared | Exception], None]) -> None:
    """Prepare a release without holding up this thread; `then` is called here or on another one."""

    def work() -> None:
        try:
            then(Prepared.of(release))
        except Exception as error:
            then(error)

    if release.app is not None and release.app.mounts:
        threading.Thread(target=work, name="syncline-mounting", daemon=True).start()
    else:
        work()
