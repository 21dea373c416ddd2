"""How often something may be tried: by address, by account, by both. Kept in the file, so that a restart helps nobody."""

from __future__ import annotations

import math
from dataclasses import dataclass

from syncline.kernel.proxies import subscriber_of

from .core import AccountError, Core

HOUR = 3600.0
DAY = 24 * HOUR


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `count` in `seconds`, spread evenly once the first `count` are used up."""

    count: int
    seconds: float


#: By what is tried. Those that end in `.ip` count per network address, in `.device` per known device of a user, in `.place`
#: and `.home` per account or e-mail address and network, the others per account or e-mail address: see `attempts`.
RATES: dict[str, tuple[Rate, ...]] = {
    "password": (Rate(5, 60), Rate(10, HOUR)),
    "password.ip": (Rate(30, 60), Rate(300, HOUR)),
    "password.device": (Rate(5, 60), Rate(10, HOUR)),
    # How many of the wrong passwords of one network count for everybody: fewer than close the password.
    "failure.place": (Rate(4, HOUR),),
    "send": (Rate(3, 600), Rate(10, DAY)),
    "send.place": (Rate(2, 600), Rate(6, DAY)),
    "send.home": (Rate(3, 600), Rate(10, DAY)),
    "send.ip": (Rate(20, 600), Rate(200, DAY)),
    "send.device": (Rate(3, 600), Rate(10, DAY)),
    "reset": (Rate(3, HOUR),),
    "reset.place": (Rate(2, HOUR),),
    "reset.home": (Rate(3, HOUR),),
    "reset.device": (Rate(3, HOUR),),
    "sign_up.ip": (Rate(10, HOUR),),
    "code.ip": (Rate(30, 60), Rate(200, HOUR)),
    "code.device": (Rate(30, 60), Rate(200, HOUR)),
    # A day's worth is 60 of a million codes, of which three are good at a time.
    "second": (Rate(10, 300), Rate(30, HOUR), Rate(60, DAY)),
    "second.place": (Rate(6, 300), Rate(15, HOUR), Rate(30, DAY)),
    "second.home": (Rate(10, 300), Rate(30, HOUR), Rate(60, DAY)),
    "second.device": (Rate(10, 300), Rate(30, HOUR), Rate(60, DAY)),
    "oauth.ip": (Rate(60, 60),),
    # Too long to be guessed: a bound for programs that run wild, and none for the many behind one address.
    "refresh.ip": (Rate(300, 60),),
    "device.ip": (Rate(10, 60), Rate(100, HOUR)),
    "device_poll.ip": (Rate(240, 60),),
    "device_code": (Rate(5, 60), Rate(20, HOUR)),
    "device_code.ip": (Rate(20, 60), Rate(100, HOUR)),
    "passkey.ip": (Rate(60, 60),),
    "invite": (Rate(50, HOUR),),
    "add_email": (Rate(5, HOUR),),
    "export": (Rate(5, HOUR),),
}

#: Failures within an hour before the password of an account is closed to whom they came from, and for how long the first
#: time (seconds).
FAILURES = 10
CLOSED_SECONDS = 15 * 60
_MOST_DOUBLINGS = 6


def take(core: Core, *attempts: tuple[str, str]) -> float | None:
    """Count one attempt for each pair of what is tried and by whom.

    None: go on. Otherwise the seconds until the next attempt, and nothing was counted.
    """
    now = core.clock.wall_ns() / 1e9
    moved: list[tuple[bytes, float]] = []
    wait = 0.0
    for name, subject in attempts:
        if not subject:
            continue
        who = subscriber_of(subject) if name.endswith(".ip") else subject
        for rate in RATES[name]:
            key = _key(core, name, rate, who)
            free_at = max(now, core.file.value("SELECT free_at FROM rates WHERE key = ?", key) or now)
            free_at += rate.seconds / rate.count
            wait = max(wait, free_at - now - rate.seconds)
            moved.append((key, free_at))
    if wait > 1e-6:
        return wait
    for key, free_at in moved:
        core.file.change("INSERT OR REPLACE INTO rates VALUES (?, ?)", key, free_at)
    return None


def refuse(wait: float | None) -> None:
    """Raise the refusal that `take` asks for, if it does. Not within its transaction, which would be undone."""
    if wait is not None:
        raise AccountError("error.too_many", status=429, retry_after=wait, seconds=max(1, math.ceil(wait)))


def forget_mails(core: Core, normal: str) -> None:
    """Let strangers ask for mails to this address as if nobody had lately."""
    _forget(core, ("send", "reset"), normal)


def forget_second(core: Core, user_id: str) -> None:
    """Let strangers try codes of this user's second step as if nobody had lately."""
    _forget(core, ("second",), user_id)


def closed_for(core: Core, key: bytes) -> int | None:
    """Seconds for which a password is not asked for where failures are counted with this key; None: it is."""
    until = core.file.value("SELECT closed_until FROM failures WHERE key = ?", key)
    return until - core.now() if until is not None and until > core.now() else None


def note_failure(core: Core, key: bytes, about: bytes) -> bool:
    """Count a wrong password with this key. `about`: a digest of the address. True: this one closed the password."""
    now = core.now()
    row = core.file.row("SELECT count, since, closings FROM failures WHERE key = ?", key)
    count, since, closings = row or (0, now, 0)
    if since < now - HOUR:
        count, since = 0, now
    count += 1
    closed_until = 0
    if count >= FAILURES:
        closed_until = now + CLOSED_SECONDS * 2 ** min(closings, _MOST_DOUBLINGS)
        count, closings = 0, closings + 1
    core.file.change(
        "INSERT OR REPLACE INTO failures VALUES (?, ?, ?, ?, ?, ?)",
        key,
        count,
        since,
        closed_until,
        closings,
        about,
    )
    return closed_until > 0


def note_wrong(core: Core, key: bytes, about: bytes) -> int:
    """Count something wrong with this key. How many there were in a row, with less than a day between two."""
    count: int = (core.file.value("SELECT count FROM failures WHERE key = ?", key) or 0) + 1
    core.file.change(
        "INSERT OR REPLACE INTO failures VALUES (?, ?, ?, 0, 0, ?)", key, count, core.now(), about
    )
    return count


def forget_closing(core: Core, key: bytes) -> None:
    core.file.change("DELETE FROM failures WHERE key = ?", key)


def forget_failures(core: Core, normal: str) -> None:
    """Open the password of an address everywhere."""
    about = core.digest("failures", normal)
    core.file.change("DELETE FROM failures WHERE key = ?", about)
    core.file.change("DELETE FROM failures WHERE about = ?", about)


def trim(core: Core) -> None:
    """Forget what no longer matters, and the oldest when there is too much."""
    core.file.change("DELETE FROM rates WHERE free_at < ?", core.clock.wall_ns() / 1e9)
    core.file.change(
        "DELETE FROM failures WHERE since < ? AND closed_until < ?", core.now() - DAY, core.now() - DAY
    )
    for table, column in (("rates", "free_at"), ("failures", "since")):
        count: int = core.file.value(f"SELECT count(*) FROM {table}")  # noqa: S608 - names from here
        excess = count - core.settings.limits.rate_limit_entries
        if excess > 0:
            core.file.change(
                f"DELETE FROM {table} WHERE key IN (SELECT key FROM {table} ORDER BY {column} LIMIT ?)",  # noqa: S608 - as above
                excess,
            )


def _forget(core: Core, names: tuple[str, ...], who: str) -> None:
    for name in names:
        for rate in RATES[name]:
            core.file.change("DELETE FROM rates WHERE key = ?", _key(core, name, rate, who))


def _key(core: Core, name: str, rate: Rate, who: str) -> bytes:
    return core.digest("rate", name, str(rate.seconds), who)
