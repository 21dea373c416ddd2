"""Rate limits: a bucket of tokens for each key, in the transaction of the mutation that takes them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from syncline.functions import MutationCtx, QueryCtx
from syncline.functions.system_db import system_writer
from syncline.kernel.errors import RateLimitError, SetupError
from syncline.system import RateBucket

_NEVER = timedelta(days=36_500)


class RateStatus(NamedTuple):
    """What is left: tokens, and seconds until there is at least one."""

    available: float
    retry_after: float


@dataclass(frozen=True, slots=True)
class RateLimit:
    """So many in so much time, for each key; saved up to `burst` (as many as `rate` unless said).

        send_limit = RateLimit("send", rate=10, per=timedelta(minutes=1))

        @mutation
        def send(ctx: MutationCtx, text: str) -> None:
            send_limit.check(ctx, ctx.auth.require().subject)

    Taking is a part of the transaction: a mutation that fails has taken nothing. Limits of one name share their buckets.
    """

    name: str
    rate: float
    per: timedelta = timedelta(minutes=1)
    burst: float | None = None

    def __post_init__(self) -> None:
        if not self.rate > 0 or self.per <= timedelta(0) or (self.burst is not None and self.burst < 1):
            raise SetupError(
                f"{self} allows nothing", "rate and per are above 0, burst is 1 or more, or not given"
            )

    def check(self, ctx: MutationCtx, key: str = "", *, count: float = 1) -> None:
        """Take tokens, or raise RateLimitError, which tells clients when to try again."""
        left = self._take(ctx, key, count)
        if left < 0:
            raise RateLimitError(self.name, self._seconds(-left))

    def take(self, ctx: MutationCtx, key: str = "", *, count: float = 1) -> bool:
        """Take tokens if there are as many. Whether there were."""
        return self._take(ctx, key, count) >= 0

    def status(self, ctx: QueryCtx, key: str = "") -> RateStatus:
        """What is left, without taking any. In a query it changes with takings, and as `ctx.now` does."""
        left = self._left(self._bucket(ctx, key), ctx.now)
        return RateStatus(left, max(0.0, self._seconds(1 - left)))

    def reset(self, ctx: MutationCtx, key: str = "") -> None:
        """Fill the bucket."""
        found = self._bucket(ctx, key)
        if found is not None:
            system_writer(ctx).delete(found)

    @property
    def _most(self) -> float:
        return self.rate if self.burst is None else self.burst

    def _seconds(self, tokens: float) -> float:
        return tokens * self.per.total_seconds() / self.rate

    def _bucket(self, ctx: QueryCtx, key: str) -> RateBucket | None:
        return ctx.db.unrestricted.query(RateBucket).where(name=self.name, key=key).unique()

    def _left(self, bucket: RateBucket | None, now: datetime) -> float:
        if bucket is None:
            return self._most
        # A clock that was put back gives nothing, and takes nothing.
        passed = max(0.0, (now - bucket.at).total_seconds())
        return min(self._most, bucket.tokens + passed * self.rate / self.per.total_seconds())

    def _take(self, ctx: MutationCtx, key: str, count: float) -> float:
        """What is left after taking; if that is negative nothing was taken."""
        now = ctx.now
        bucket = self._bucket(ctx, key)
        left = self._left(bucket, now) - count
        if left < 0:
            return left
        at = now if bucket is None else max(now, bucket.at)
        full_at = at + min(_NEVER, timedelta(seconds=self._seconds(self._most - left)))
        db = system_writer(ctx)
        if bucket is None:
            db.insert(RateBucket(name=self.name, key=key, tokens=left, at=at, full_at=full_at))
        else:
            db.patch(bucket, tokens=left, at=at, full_at=full_at)
        return left
