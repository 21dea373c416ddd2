"""An application on its data without a server around: for the command line."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

from syncline.database import Progress
from syncline.functions import (
    ActionCall,
    Kind,
    MutationCall,
    Outcome,
    Registry,
    Release,
    RunSettings,
    load_application,
    make_failure,
    new_request_id,
)
from syncline.functions.engine import Engine
from syncline.kernel.clock import SystemClock, SystemEntropy
from syncline.kernel.errors import FunctionNotFoundError
from syncline.kernel.identity import Caller
from syncline.schema import TableSpec
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
    *,
    release: Release | None = None,
) -> Outcome:
    """Run one function (canonical path, one JSON object) in this process. Raises SetupError.

    `release` is the application if it is loaded already.

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

    own = path.startswith("_system/environment:")
    if release is None and not own and not (settings.data / DATABASE).exists():
        load_application(settings.backend)  # What is wrong with it is said before a data folder is made.
    with _opened(settings, environment) as store:
        limits = settings.make_limits()
        secrets = open_secrets(settings.data, environment, entropy)
        ProcessVariables(environment).load(store, secrets)
        code = _Nothing() if own else release or load_application(settings.backend)
        run_settings = RunSettings(limits=limits, env=environment, secrets=secrets)
        engine = Engine(store, code, run_settings, clock, entropy, report=report, on_fatal=fail)
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


@contextmanager
def _opened(settings: Settings, environment: Mapping[str, str]) -> Generator[Store]:
    store = Store.open(Path(settings.data), clock=SystemClock(), key=read_data_key(environment))
    with store:
        yield store
