"""The records of files as endpoints use them: awaited on the server's loop, which never waits for a disk."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, TypeVar

from syncline.files import FileService
from syncline.functions import FunctionDefinition, MutationCall, Outcome, Success
from syncline.kernel.identity import Caller
from syncline.sync import Services

_BACKEND: Final = Caller(backend=True)

T = TypeVar("T")


class FileRecords:
    """Calls of the functions that keep the records of files, and waits in the threads of files."""

    def __init__(
        self, services: Services, files: FileService, find: Callable[[str], FunctionDefinition | None]
    ) -> None:
        self.services = services
        self.files = files
        self._find = find

    async def ask(self, name: str, **values: object) -> object:
        """The result of a query; it stays cached until what it read changes."""
        definition = self._definition(name)
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[Outcome] = loop.create_future()

        def done(outcome: Outcome, ts: int) -> None:
            loop.call_soon_threadsafe(_settle, ended, outcome)

        self.services.live.fetch(definition.path, definition.arguments.encode(values), _BACKEND, done)
        return _value(definition, await ended)

    async def tell(self, name: str, **values: object) -> object:
        """The result of a mutation."""
        definition = self._definition(name)
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[Outcome] = loop.create_future()

        def done(outcome: Outcome, ts: int | None) -> None:
            loop.call_soon_threadsafe(_settle, ended, outcome)

        raw = definition.arguments.encode(values)
        self.services.engine.mutate(MutationCall(definition.path, raw, _BACKEND, done))
        return _value(definition, await ended)

    async def in_thread(self, function: Callable[[], T]) -> T:
        """Run what blocks in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self.files.threads, function)

    def _definition(self, name: str) -> FunctionDefinition:
        found = self._find(f"_system/storage:{name}")
        assert found is not None, name
        return found


def _settle(ended: asyncio.Future[Outcome], outcome: Outcome) -> None:
    if not ended.done():
        ended.set_result(outcome)


def _value(definition: FunctionDefinition, outcome: Outcome) -> object:
    if isinstance(outcome, Success):
        return definition.result.decode(outcome.value)
    raise outcome.exception
