"""An application and its data as the command line looks at them: beside a running server, without writing."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from syncline.database import Catalog, Progress, activate
from syncline.database.inspection import Inspection, inspect
from syncline.functions import Registry, Release, RunSettings, load_application
from syncline.functions.system import system_definitions
from syncline.kernel.clock import SystemClock, SystemEntropy
from syncline.kernel.errors import SetupError
from syncline.kernel.secrets import SecretBox
from syncline.store import FolderLockedError, Reader, Store, StoreView
from syncline.store.folder import DATABASE

from .data_key import read_data_key
from .secret_key import FILE as SECRET_KEY
from .secret_key import open_secrets
from .settings import Settings
from .variables import ProcessVariables

Report = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Viewed:
    """The application's functions bound to its data, as they are stored."""

    release: Release
    #: Its functions, and Syncline's own.
    registry: Registry
    catalog: Catalog
    view: StoreView
    inspection: Inspection
    settings: RunSettings

    @property
    def cursor_key(self) -> bytes:
        """What cursors of pages are made with."""
        return self.view.secret("cursors") or b""

    def reader(self) -> Reader:
        """For one thread; its snapshots see what other processes have committed."""
        return self.view.reader(self.inspection.tables_of_indexes)


@contextmanager
def open_view(settings: Settings, environment: Mapping[str, str]) -> Generator[StoreView | None]:
    """The stored data, read-only; None if there are none. Stored variables are laid over the process's own."""
    if not (settings.data / DATABASE).exists():
        yield None
        return
    with StoreView(settings.data, monotonic=SystemClock().monotonic, key=read_data_key(environment)) as view:
        secrets = known_secrets(settings.data, environment)
        if secrets is not None:
            ProcessVariables(environment).load(view, secrets)
        yield view


def known_secrets(data: Path, environment: Mapping[str, str]) -> SecretBox | None:
    """The box of a deployment, if it has one: nothing is made."""
    if read_data_key(environment) is None and not (data / SECRET_KEY).exists():
        return None
    return open_secrets(data, environment, SystemEntropy())


@contextmanager
def viewing(settings: Settings, environment: Mapping[str, str], report: Report) -> Generator[Viewed]:
    """The application in `settings` and its data.

    Data that the present code was never started on are prepared first, as a start would, unless a server holds them.
    Raises SetupError.
    """
    with open_view(settings, environment):
        release = load_application(settings.backend)
    with open_view(settings, environment) as view:
        ready = view is not None and _is_ready(inspect(view, release.schema))
    if not ready:
        _prepare(settings, environment, release, report)
    with open_view(settings, environment) as view:
        assert view is not None
        inspection = inspect(view, release.schema)
        limits = settings.make_limits()
        registry = release.registry.plus(system_definitions())
        yield Viewed(
            release,
            registry.bind(inspection.catalog.numbers, limits),
            inspection.catalog.naming(several_issuers=release.registry.admission.several_issuers),
            view,
            inspection,
            RunSettings(limits=limits, env=environment, secrets=known_secrets(settings.data, environment)),
        )


def _is_ready(inspection: Inspection) -> bool:
    return not inspection.problems and not inspection.missing


def _prepare(settings: Settings, environment: Mapping[str, str], release: Release, report: Report) -> None:
    try:
        store = Store.open(settings.data, clock=SystemClock(), key=read_data_key(environment))
    except FolderLockedError:
        raise SetupError(
            f"the server on {settings.data} runs with other code than that in {settings.backend}: its indexes or "
            "documents are not those of this schema",
            "let it load this code (`syncline dev` does so on save), or name the code that it runs: --backend DIR",
        ) from None
    with store:
        activate(store, release.schema, report)
