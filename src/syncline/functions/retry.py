"""When an action that failed is worth another attempt."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from syncline.kernel.errors import OverloadedError, SetupError, SynclineError


@dataclass(frozen=True, slots=True)
class Retry:
    """Attempts after the first one, with a pause before each that grows: for actions that may be repeated.

        @action(retry=3)
        @action(retry=Retry(5, first=0.5, on=(httpx.TransportError,)))

    Pauses are in seconds: `first`, then `factor` times the one before, `longest` at most, each shortened at random by up
    to a quarter so that what failed together does not come back together. `on` are the errors that are worth it. Errors of
    Syncline (AppError, ArgumentError, ...) are meant and never repeated, but for OverloadedError; nor is a time limit.
    """

    times: int = 3
    first: float = 1.0
    factor: float = 2.0
    longest: float = 60.0
    on: tuple[type[Exception], ...] = (Exception,)

    def __post_init__(self) -> None:
        if self.times < 1 or self.first < 0 or self.factor < 1 or self.longest < 0:
            raise SetupError(
                f"{self} makes no sense", "times is 1 or more, factor 1 or more, and pauses are not negative"
            )

    def allows(self, error: BaseException, attempt: int) -> bool:
        """Whether the attempt after number `attempt` (from 1), which ended with `error`, shall be made."""
        if attempt > self.times or not isinstance(error, self.on):
            return False
        return not isinstance(error, SynclineError) or isinstance(error, OverloadedError)

    def pause(self, attempt: int, chance: Random) -> float:
        """Seconds between attempt number `attempt` (from 1) and the next one."""
        longest = min(self.longest, self.first * self.factor ** min(attempt - 1, 64))
        return longest * (1 - chance.random() / 4)
