"""The clock and chance as the application's own modules see them.

No audit event tells of `time.time()` or `random.random()`, and replacing them for the whole process would break
libraries that have every right to them. So the loader gives application code stand-ins of five modules, whose
functions look first whether a query or mutation is running. `datetime.now()` and `date.today()` are methods of
types that cannot be replaced without breaking `isinstance`; the loader wraps the places that call them.

Not seen: libraries that ask for time or chance themselves, `time.perf_counter` and process times (they measure,
and mean nothing outside), generators that the application makes with `random.Random()`.
"""

from __future__ import annotations

import functools
import os
import random
import secrets
import time
import uuid
from collections.abc import Callable
from datetime import date
from inspect import currentframe
from threading import get_ident
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from .current import transactions
from .guards import in_trusted_code, refuse

if TYPE_CHECKING:
    from .run import TransactionRun

CLOCK_REMEDY: Final = "Use ctx.now, the time of the transaction, or ctx.clock(minutes=1) in a query that shall rerun as time passes."
CHANCE_REMEDY: Final = "Use ctx.random, which is seeded anew for each run: ctx.random.randrange(6)."
UNGUESSABLE_REMEDY: Final = (
    "Use ctx.random where nobody gains from guessing; make what must stay secret (tokens, keys) in an @action and "
    "hand it to a mutation."
)

#: Functions that are refused, and those that are when they are called with no more arguments than said.
_CLOCK: Final = ("time", "time_ns", "monotonic", "monotonic_ns")
_CLOCK_BY_DEFAULT: Final = {"gmtime": 0, "localtime": 0, "ctime": 0, "asctime": 0, "strftime": 1}
_CHANCE: Final[dict[ModuleType, tuple[str, ...]]] = {
    random: tuple(
        name
        for name, value in vars(random).items()
        if getattr(value, "__self__", None).__class__ is random.Random
        and name != "getstate"
        and name[0] != "_"
    ),
    secrets: ("choice", "randbelow", "randbits", "token_bytes", "token_hex", "token_urlsafe"),
    uuid: ("uuid1", "uuid4", "uuid6", "uuid7"),
    os: ("urandom", "getrandom"),
}


class _Shadow(ModuleType):
    """A module with some functions replaced. Everything else is the real module's, as it is at the time."""

    def __init__(self, real: ModuleType, replaced: dict[str, Callable[..., Any]]) -> None:
        super().__init__(real.__name__, real.__doc__)
        self.__dict__.update({name: value for name, value in vars(real).items() if name.startswith("__")})
        self.__dict__.update(replaced)
        self.__dict__["_real"] = real

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["_real"], name)

    def __dir__(self) -> list[str]:
        return dir(self.__dict__["_real"])


def _guarded(
    module: ModuleType, name: str, what: str, remedy: str, free_above: int | None = None
) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        if transactions and (free_above is None or len(args) + len(kwargs) <= free_above):
            run = transactions.get(get_ident())
            if run is not None and not in_trusted_code(currentframe()):
                raise refuse(run, f"{what} ({module.__name__}.{name})", remedy)
        return getattr(module, name)(*args, **kwargs)

    return functools.update_wrapper(call, getattr(module, name))


def _shadow_of(module: ModuleType) -> _Shadow:
    if module is time:
        replaced = {name: _guarded(time, name, "read the clock", CLOCK_REMEDY) for name in _CLOCK}
        for name, count in _CLOCK_BY_DEFAULT.items():
            replaced[name] = _guarded(time, name, "read the clock", CLOCK_REMEDY, count)
    else:
        names = [name for name in _CHANCE[module] if hasattr(module, name)]
        remedy = CHANCE_REMEDY if module in (random, uuid) else UNGUESSABLE_REMEDY
        replaced = {name: _guarded(module, name, "used chance", remedy) for name in names}
    return _Shadow(module, replaced)


#: What application modules get instead of the modules of these names.
SHADOWS: Final[dict[str, ModuleType]] = {
    module.__name__: _shadow_of(module) for module in (time, random, secrets, uuid, os)
}


def checked_moment(method: Any) -> Any:
    """`method`, looked up as `something.now`, `.utcnow` or `.today`: refused if it reads the clock in a transaction.

    The loader puts this around the method in application code, before it is called.
    """
    if transactions:
        run = transactions.get(get_ident())
        owner = getattr(method, "__self__", None)
        if run is not None and isinstance(owner, type) and issubclass(owner, date):
            _refuse_moment(run, owner, method.__name__)
    return method


def _refuse_moment(run: TransactionRun, owner: type, method: str) -> None:
    if not in_trusted_code(currentframe()):
        raise refuse(run, f"read the clock ({owner.__name__}.{method})", CLOCK_REMEDY)
