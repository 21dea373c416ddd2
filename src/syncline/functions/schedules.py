"""When something that runs again and again is to run next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from typing import TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from cronsim import CronSim, CronSimError

from syncline.kernel.errors import SetupError

_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Every:
    """Again and again, a fixed time apart."""

    period: timedelta

    def __post_init__(self) -> None:
        if self.period < _SECOND:
            raise SetupError(
                f"@every needs a period of at least one second, got {self.period}",
                "for example @every(minutes=5)",
            )

    def __str__(self) -> str:
        return f"every {self.period.total_seconds():.15g} s"

    def next(self, after: datetime, since: datetime) -> datetime:
        """The first time after `after`, counting periods from `since`."""
        return since + ((after - since) // self.period + 1) * self.period


@dataclass(frozen=True, slots=True)
class Calendar:
    """At minutes of the clock on the wall of a time zone, as cron writes them."""

    expression: str
    timezone: str

    def __post_init__(self) -> None:
        if len(self.expression.split()) != 5:
            raise SetupError(
                f"{self.expression!r} is not a cron expression",
                'five fields: minute, hour, day of the month, month, day of the week; "0 9 * * 1-5" is nine on weekdays',
            )
        _zone(self.timezone)
        try:
            self.next(datetime(2000, 1, 1, tzinfo=UTC), datetime(2000, 1, 1, tzinfo=UTC))
        except CronSimError as error:
            raise SetupError(
                f"{self.expression!r} is not a cron expression: {str(error).lower()}",
                'the fields are minute, hour, day of the month, month, day of the week: "0 9 * * 1-5"',
            ) from None
        except StopIteration:
            raise SetupError(f"{self.expression!r} never comes", "there is no such day in any year") from None

    def __str__(self) -> str:
        return f"{self.expression} {self.timezone}"

    def next(self, after: datetime, since: datetime) -> datetime:
        """The first time after `after`.

        A time that the clocks skip in spring comes at the end of what they skip; one that they repeat in autumn comes
        the first time only. Expressions whose minute or hour begins with * follow the hours as they pass instead.
        """
        moments = CronSim(self.expression, after.astimezone(_zone(self.timezone)))
        while (found := next(moments).astimezone(UTC)) <= after:
            pass  # Reckoned in the repeated hour, a time of its first pass is in the past.
        return found


Schedule: TypeAlias = Every | Calendar


def parse_schedule(text: str) -> Schedule:
    """The schedule that was written as `str(schedule)`."""
    words = text.split()
    if words[0] == "every":
        return Every(timedelta(seconds=float(words[1])))
    return Calendar(" ".join(words[:-1]), words[-1])


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        near = get_close_matches(name, available_timezones(), 1)
        remedy = f"did you mean {near[0]!r}?" if near else 'for example "Europe/Zurich"'
        raise SetupError(f"there is no time zone {name!r}", remedy) from None
