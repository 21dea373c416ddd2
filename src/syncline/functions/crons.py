"""`@every` and `@cron`: functions that run again and again."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any, Literal, TypedDict, TypeVar, cast

from syncline.kernel.errors import SetupError

from .decorators import Action, Function, Mutation, SyncAction
from .definitions import FunctionDefinition
from .kinds import Kind
from .load_errors import at_function
from .schedules import Calendar, Every, Schedule

F = TypeVar("F", bound=Mutation[..., Any] | Action[..., Any] | SyncAction[..., Any])


class CronDeclaration(TypedDict):
    """A cron of a release."""

    function: str
    kind: Literal["mutation", "action"]
    schedule: str


def every(*, days: float = 0, hours: float = 0, minutes: float = 0, seconds: float = 0) -> Callable[[F], F]:
    """Run the mutation or action below it again and again, this long apart.

        @every(minutes=5)
        @mutation(internal=True)
        def sweep(ctx: MutationCtx) -> None: ...

    The first run is one period after the function was first deployed. A run that would begin while the one before it is
    still under way is left out; of those that were missed while the server was down, one is made up for.
    """
    schedule = Every(timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds))
    return lambda function: _scheduled(function, schedule, "every")


def cron(expression: str, /, *, timezone: str = "UTC") -> Callable[[F], F]:
    """Run the mutation or action below it at times of the day, as cron writes them, in a time zone.

        @cron("0 9 * * 1-5", timezone="Europe/Zurich")
        @action(internal=True)
        async def report(ctx: ActionCtx) -> None: ...

    The fields are minute, hour, day of the month, month and day of the week. A time that the clocks skip in spring comes
    at the end of the gap; one that they repeat in autumn comes once. Missed and overlapping runs: see `every`.
    """
    schedule = Calendar(" ".join(expression.split()), timezone)
    return lambda function: _scheduled(function, schedule, "cron")


def _scheduled(function: F, schedule: Schedule, decorator: str) -> F:
    if not isinstance(cast("object", function), Mutation | Action | SyncAction):
        raise SetupError(
            f"@{decorator} is for mutations and actions, got {function!r}",
            f"put @{decorator}(...) above @mutation or @action",
        )
    if function.schedule is not None:
        raise SetupError(
            f"{function.__qualname__} has two schedules: {function.schedule}, and {schedule}",
            "keep one; for the other write a second function that calls this one",
        )
    function.schedule = schedule
    return function


def check_crons(functions: Iterable[Function[..., Any]]) -> None:
    """Raise SetupError for a scheduled function that needs arguments: nobody would give it any."""
    for function in functions:
        if function.schedule is None or function.definition is None:
            continue
        needed = [item.attribute for item in function.definition.arguments.parameters if item.required]
        if needed:
            raise at_function(
                function,
                f"{function.__qualname__} runs by itself, and its argument `{needed[0]}` has no default",
                "give it one, or schedule another function that calls it",
            )


def crons_of(definitions: Iterable[FunctionDefinition]) -> list[CronDeclaration]:
    """The crons among the functions of a release."""
    return [
        CronDeclaration(
            function=item.path,
            kind="action" if item.kind is Kind.ACTION else "mutation",
            schedule=str(item.function.schedule),
        )
        for item in definitions
        if item.function.schedule is not None
    ]
