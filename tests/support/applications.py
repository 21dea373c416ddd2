"""Applications written as text in tests, and runs of their functions on a store in memory."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from syncline.database import (
    CachedSnapshot,
    Catalog,
    CreationClock,
    KeyCache,
    Transaction,
    WriteSet,
    activate,
)
from syncline.functions import (
    Execution,
    Failure,
    Function,
    Kind,
    Outcome,
    Registry,
    Release,
    RunSettings,
    Success,
    TransactionRun,
    invoke,
    load_application,
)
from syncline.kernel.clock import FakeClock, SeededEntropy
from syncline.kernel.identity import ANONYMOUS, Caller
from syncline.kernel.limits import Limits
from syncline.schema import TableSpec
from syncline.store import Commit, Store


def write_application(folder: Path, **modules: str) -> Path:
    """The application `backend` in `folder`: `messages="..."`, and `admin__users="..."` for admin/users.py."""
    backend = folder / "backend"
    for name, source in modules.items():
        package = name.removesuffix("__init__")
        file = backend / (
            (name if name == package else package).replace("__", "/") + name[len(package) :] + ".py"
        )
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(source).lstrip("\n"))
    return backend


@contextmanager
def loaded(folder: Path, **modules: str) -> Generator[Release, None, None]:
    """A release of that application; `import backend` fails again afterwards."""
    release = load_application(write_application(folder, **modules))
    try:
        yield release
    finally:
        release.modules.close()


class Functions:
    """Runs functions on this thread, each call a transaction of its own."""

    def __init__(
        self,
        registry: Registry,
        schema: tuple[TableSpec, ...] = (),
        *,
        limits: Limits | None = None,
        env: Mapping[str, str] | None = None,
        redact: bool = False,
        run_twice: bool = False,
    ) -> None:
        self.registry = registry
        self.clock = FakeClock()
        self.settings = RunSettings(limits or Limits(), env or {}, redact, run_twice)
        self.execution = Execution(self.settings, SeededEntropy(1))
        self.store = Store.memory(self.clock)
        self.catalog: Catalog = activate(self.store, schema)
        self._keys = KeyCache(1000, self.store.head)
        self._created = CreationClock()
        self._entropy = SeededEntropy(2)
        #: The run of the last call.
        self.run: TransactionRun | None = None

    def close(self) -> None:
        self.execution.close()
        self.store.close()

    def call(
        self,
        path: str,
        caller: Caller = ANONYMOUS,
        request_id: str | None = "0123456789abcdef",
        raw_args: bytes | None = None,
        **args: Any,
    ) -> Outcome:
        """Run the function at `path` on the newest state; a successful mutation is committed."""
        kind = self.registry.definitions[path].kind
        definition = self.registry.find(path, kind, caller)
        writes = WriteSet() if kind is Kind.MUTATION else None
        reader = self.store.writer_reader()
        ts = reader.begin()
        transaction = Transaction(
            CachedSnapshot(reader, self._keys, ts),
            self.settings.limits,
            now_us=self.clock.wall_ns() // 1000,
            writes=writes,
            entropy=self._entropy,
            created=self._created,
        )
        mark = writes.mark() if writes is not None else None
        self.run = TransactionRun(definition, caller, self.execution, transaction, self.catalog, request_id)
        outcome = invoke(self.run, json.dumps(args).encode() if raw_args is None else raw_args)
        if (
            isinstance(outcome, Success)
            and writes is not None
            and mark is not None
            and writes.wrote_since(mark)
        ):
            commit = Commit(self.store.next_ts(), *writes.writes_since(mark))
            self.store.append([commit])
            self._keys.apply_all([commit])
        return outcome

    def value(self, path: str, caller: Caller = ANONYMOUS, **args: Any) -> Any:
        """The result of a call that must succeed, as plain JSON."""
        outcome = self.call(path, caller, **args)
        assert isinstance(outcome, Success), outcome.message
        return json.loads(outcome.value)

    def failure(self, path: str, caller: Caller = ANONYMOUS, **args: Any) -> Failure:
        """The failure of a call that must fail."""
        outcome = self.call(path, caller, **args)
        assert isinstance(outcome, Failure), outcome
        return outcome


@contextmanager
def functions(*declared: Function[..., Any], **options: Any) -> Generator[Functions, None, None]:
    """Functions declared in a test, as the module `test`."""
    running = Functions(Registry.of(*declared, module="test"), **options)
    try:
        yield running
    finally:
        running.close()
