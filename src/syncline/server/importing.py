"""A store and an application's schema bound to it, for an import without a server around."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager

from syncline.database import Catalog, activate
from syncline.functions import load_application
from syncline.kernel.clock import SystemClock, SystemEntropy
from syncline.store import Store
from syncline.store.folder import DATABASE

from .data_key import read_data_key
from .local import Report
from .secret_key import open_secrets
from .settings import Settings
from .variables import ProcessVariables


@contextmanager
def store_for_import(
    settings: Settings, environment: Mapping[str, str], report: Report
) -> Generator[tuple[Store, Catalog]]:
    """The data folder, made if it is missing, with the tables of the application. Raises SetupError."""
    if not (settings.data / DATABASE).exists():
        load_application(settings.backend)  # What is wrong with it is said before a data folder is made.
    store = Store.open(settings.data, clock=SystemClock(), key=read_data_key(environment))
    with store:
        ProcessVariables(environment).load(store, open_secrets(settings.data, environment, SystemEntropy()))
        yield store, activate(store, load_application(settings.backend).schema, report)
