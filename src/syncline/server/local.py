"""An application on its data without a server around: for the command line."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from syncline.database import Catalog, Progress, TableBinding, activate
from syncline.functions import (
    ActionCall,
    Kind,
    MutationCall,
    Outcome,
    Registry,
    RunSettings,
    load_application,
    make_failure,
    new_request_id,
)
from syncline.functions.engine import Engine
from syncline.kernel.clock import SystemClock, SystemEntropy
from syncline.kernel.errors import FunctionNotFoundError
from syncline.kernel.identity import Caller
from syncline.schema import TableSpec, created_us_of
from syncline.store import Store
from syncline.store.folder import DATABASE
from syncline.sync import LiveQueries

from .data_key import read_data_key
from .secret_key import open_secrets
from .settings import Settings
from .variables import ProcessVariables

Report = Callable[[Progress], None]


async def call_once(
    settings: Settings,
    environment: Mapping[str, str],
    path: str,
    args: bytes,
    caller: Caller,
    report: Report,
) -> Outcome:
    """Run one function (canonical path, one JSON object) in this process. Raises SetupError.

    A function of Syncline itself needs nothing of the application, which may not even load without it.
    """
    clock, entropy = SystemClock(), SystemEntropy()
    loop = asyncio.get_running_loop()
    finished: asyncio.Future[Outcome] = loop.create_future()

    def finish(outcome: Outcome, *_: object) -> None:
        if not finished.done():
            finished.set_result(outcome)

    def fail(error: BaseException) -> None:
        if not finished.done():
            finished.set_exception(error)

    own = path.startswith("_system/")
    if not own and not (settings.data / DATABASE).exists():
        load_application(settings.backend)  # What is wrong with it is said before a data folder is made.
    with _opened(settings, environment) as store:
        limits = settings.make_limits()
        secrets = open_secrets(settings.data, environment, entropy)
        ProcessVariables(environment).load(store, secrets)
        release = _Nothing() if own else load_application(settings.backend)
        run_settings = RunSettings(limits=limits, env=environment, secrets=secrets)
        engine = Engine(store, release, run_settings, clock, entropy, report=report, on_fatal=fail)
        live = LiveQueries(engine, clock, limits)
        try:
            kind = engine.release.registry.find(path, None, caller).kind
        except FunctionNotFoundError as error:
            return make_failure(
                error, request_id=new_request_id(entropy), redact=False, raised_by_function=False
            )
        engine.start(loop.call_soon_threadsafe, live)
        try:
            if kind is Kind.QUERY:
                live.fetch(path, args, caller, finish)
            elif kind is Kind.MUTATION:
                engine.mutate(MutationCall(path, args, caller, finish))
            else:
                engine.act(ActionCall(path, args, caller, finish))
            return await finished
        finally:
            engine.stop()


class _Nothing:
    """An application without functions and tables. What is stored in other tables stays as it is."""

    registry = Registry()
    schema: tuple[TableSpec, ...] = ()


@dataclass(slots=True)
class Findings:
    """What a check looked at, and what is wrong with it."""

    functions: int
    tables: int
    indexes: int
    #: Documents by table; None: there are no data yet.
    documents: dict[str, int] | None = None
    damage: list[str] = field(default_factory=list[str])


def check_everything(settings: Settings, environment: Mapping[str, str], report: Report) -> Findings:
    """Load the application, bind its schema to the data, and read all of them. Raises SetupError for what cannot be."""
    release = load_application(settings.backend)
    indexes = sum(len(spec.indexes) for spec in release.schema)
    findings = Findings(len(release.registry), len(release.schema), indexes)
    if not (settings.data / DATABASE).exists():
        return findings
    with _opened(settings, environment) as store:
        catalog = activate(store, release.schema, report)
        findings.documents = _count(store, catalog)
        findings.damage = store.check(_keys_by_index(catalog))
    return findings


@contextmanager
def _opened(settings: Settings, environment: Mapping[str, str]) -> Generator[Store]:
    store = Store.open(Path(settings.data), clock=SystemClock(), key=read_data_key(environment))
    with store:
        yield store


def _count(store: Store, catalog: Catalog) -> dict[str, int]:
    reader = store.reader()
    try:
        reader.begin()
        return {
            table.name: sum(1 for _ in reader.scan_keys(table.by_creation, b"", None))
            for table in catalog.application_tables
        }
    finally:
        reader.close()


def _keys_by_index(catalog: Catalog) -> dict[int, Callable[[bytes, int, bytes], Iterable[bytes]]]:
    """For each index: the keys under which it must hold a document (id, shape, body)."""
    return {
        binding.id: _keys_of(table, number)
        for table in catalog.by_number.values()
        for number, binding in enumerate(table.indexes)
    }


def _keys_of(table: TableBinding, number: int) -> Callable[[bytes, int, bytes], Iterable[bytes]]:
    index, codec = table.indexes[number].index, table.codec

    def keys(id: bytes, shape: int, body: bytes) -> list[bytes]:
        body = table.current(shape, body)
        tail = created_us_of(codec.load(body)).to_bytes(8, "big") + id
        return [part + tail for part, _ in codec.index_keys(index, codec.decode_body(body))]

    return keys
