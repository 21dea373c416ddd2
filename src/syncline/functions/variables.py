"""Environment variables as functions see them: those of the process, and over them those that are stored."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import msgspec

from syncline.database import END, DatabaseReader
from syncline.kernel.secrets import SecretBox
from syncline.store import Store, StoreView
from syncline.system import EnvironmentVariable

if TYPE_CHECKING:
    from .run import TransactionRun

#: The one function that changes stored variables.
CHANGE = "_system/environment:change"

_TABLE = EnvironmentVariable.__definition__.table


class _Row(msgspec.Struct):
    name: str
    sealed: str


class Environment(Mapping[str, str]):
    """Environment variables, noting which were read."""

    __slots__ = ("_source", "names")

    def __init__(self, source: Mapping[str, str]) -> None:
        self._source = source
        self.names: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.names.add(name)
        return self._source[name]

    def __iter__(self) -> Iterator[str]:
        self.names.add("*")
        return iter(self._source)

    def __len__(self) -> int:
        self.names.add("*")
        return len(self._source)


class StoredVariables:
    """The stored variables of a store as of its newest commit, for actions and for the process itself. Thread-safe."""

    def __init__(self, store: Store | StoreView, secrets: SecretBox | None) -> None:
        self._store = store
        self._secrets = secrets
        self._lock = threading.Lock()
        self._known: dict[str, str] | None = None  # None: to be read

    def current(self) -> Mapping[str, str]:
        """Names and values."""
        with self._lock:
            if self._known is None:
                self._known = {} if self._secrets is None else read_variables(self._store, self._secrets)
            return self._known

    def forget(self) -> None:
        """They have changed."""
        with self._lock:
            self._known = None


def read_variables(store: Store | StoreView, secrets: SecretBox) -> dict[str, str]:
    """The stored variables, without a schema: they are wanted before the application is loaded. Raises SetupError."""
    table = next((table for table in store.tables() if table.name == _TABLE), None)
    if table is None:
        return {}
    reader = store.reader()
    try:
        reader.begin()
        rows = [
            msgspec.json.decode(body, type=_Row)
            for _key, _ts, _shape, body in reader.scan(table.by_creation, b"", END)
        ]
    finally:
        reader.close()
    return {row.name: secrets.open(row.sealed, row.name) for row in rows}


class _InTransaction(Mapping[str, str]):
    """The stored variables as of a transaction: what is read of them is part of its read set."""

    def __init__(self, run: TransactionRun, secrets: SecretBox) -> None:
        self._query = DatabaseReader(run.transaction, run.catalog).query(EnvironmentVariable)
        self._secrets = secrets

    def __getitem__(self, name: str) -> str:
        found = self._query.where(name=name).unique()
        if found is None:
            raise KeyError(name)
        return self._secrets.open(found.sealed, name)

    def __iter__(self) -> Iterator[str]:
        return iter([item.name for item in self._query])

    def __len__(self) -> int:
        return self._query.count()


class _Layered(Mapping[str, str]):
    """`over`, and what it does not have from `under`."""

    def __init__(self, over: Mapping[str, str], under: Mapping[str, str]) -> None:
        self._over = over
        self._under = under

    def __getitem__(self, name: str) -> str:
        try:
            return self._over[name]
        except KeyError:
            return self._under[name]

    def __iter__(self) -> Iterator[str]:
        return iter({**self._under, **dict.fromkeys(self._over)})

    def __len__(self) -> int:
        return sum(1 for _ in self)


def environment_of(run: TransactionRun) -> Environment:
    """What `ctx.env` of a query or mutation is."""
    settings = run.settings
    if settings.secrets is None:
        return Environment(settings.env)
    return Environment(_Layered(_InTransaction(run, settings.secrets), settings.env))


def environment_now(process: Mapping[str, str], stored: StoredVariables) -> Environment:
    """What `ctx.env` of an action is: the variables at the moment it is first looked at."""
    return Environment(_Layered(stored.current(), process))
