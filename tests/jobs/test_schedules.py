"""When crons run: periods, calendars, time zones, and the two nights in which clocks are changed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncline.functions.schedules import Calendar, Every, parse_schedule
from syncline.kernel.errors import SetupError

ZURICH = ZoneInfo("Europe/Zurich")
START = datetime(2026, 1, 1, tzinfo=UTC)


def local(schedule: Calendar, after: str, count: int) -> list[str]:
    """The next times after a time in Zurich, as clocks there show them."""
    moment = datetime.fromisoformat(after).replace(tzinfo=ZURICH).astimezone(UTC)
    found: list[str] = []
    for _ in range(count):
        moment = schedule.next(moment, START)
        found.append(moment.astimezone(ZURICH).strftime("%a %d %H:%M %Z"))
    return found


def test_periods_are_counted_from_when_they_began() -> None:
    schedule = Every(timedelta(minutes=5))
    assert schedule.next(START, START) == START + timedelta(minutes=5)
    assert schedule.next(START + timedelta(minutes=14, seconds=59), START) == START + timedelta(minutes=15)
    assert schedule.next(START + timedelta(minutes=15), START) == START + timedelta(minutes=20)
    assert schedule.next(START - timedelta(minutes=12), START) == START - timedelta(minutes=10)


def test_nine_on_weekdays_is_nine_there_in_summer_and_in_winter() -> None:
    schedule = Calendar("0 9 * * 1-5", "Europe/Zurich")
    assert local(schedule, "2026-03-27T10:00", 2) == ["Mon 30 09:00 CEST", "Tue 31 09:00 CEST"]
    assert local(schedule, "2026-10-23T10:00", 2) == ["Mon 26 09:00 CET", "Tue 27 09:00 CET"]


def test_a_skipped_time_comes_at_the_end_of_the_gap() -> None:
    # On 29 March 2026 clocks go from 02:00 to 03:00.
    schedule = Calendar("30 2 * * *", "Europe/Zurich")
    expected = ["Sat 28 02:30 CET", "Sun 29 03:00 CEST", "Mon 30 02:30 CEST"]
    assert local(schedule, "2026-03-28T00:00", 3) == expected


def test_a_repeated_time_comes_once() -> None:
    # On 25 October 2026 clocks go from 03:00 back to 02:00.
    schedule = Calendar("30 2 * * *", "Europe/Zurich")
    expected = ["Sun 25 02:30 CEST", "Mon 26 02:30 CET"]
    assert local(schedule, "2026-10-25T00:00", 2) == expected
    # Also when it is asked for in the middle of the second pass.
    second = datetime(2026, 10, 25, 1, 15, tzinfo=UTC)
    assert second.astimezone(ZURICH).strftime("%H:%M %Z") == "02:15 CET"
    assert schedule.next(second, START) == datetime(2026, 10, 26, 1, 30, tzinfo=UTC)


def test_what_runs_each_half_hour_follows_the_hours_as_they_pass() -> None:
    schedule = Calendar("*/30 * * * *", "Europe/Zurich")
    for day in (29, 25):
        moment = datetime(2026, 3 if day == 29 else 10, day - 1, 22, tzinfo=UTC)
        moments = [moment := schedule.next(moment, START) for _ in range(12)]
        assert {b - a for a, b in pairwise(moments)} == {timedelta(minutes=30)}


@given(
    st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1)),
    st.sampled_from(
        ["30 2 * * *", "*/7 1-3 * * *", "0 0 1 * *", "59 23 * * 0", "15 2 29 2 *", "0 12 * * 1#2"]
    ),
    st.sampled_from(["UTC", "Europe/Zurich", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]),
)
def test_the_next_time_is_always_later_and_nothing_lies_between(
    naive: datetime, expression: str, zone: str
) -> None:
    schedule, moment = Calendar(expression, zone), naive.replace(tzinfo=UTC)
    first = schedule.next(moment, START)
    assert first > moment
    assert schedule.next(first - timedelta(microseconds=1), START) == first
    between = moment + (first - moment) / 2
    assert schedule.next(between, START) == first


@given(st.integers(1, 10**9), st.integers(-(10**12), 10**12))
def test_the_next_period_is_the_first_one_later(seconds: int, microseconds: int) -> None:
    schedule, after = Every(timedelta(seconds=seconds)), START + timedelta(microseconds=microseconds)
    found = schedule.next(after, START)
    assert after < found <= after + schedule.period
    assert (found - START) % schedule.period == timedelta(0)


@pytest.mark.parametrize(
    "schedule",
    [Every(timedelta(minutes=5)), Every(timedelta(seconds=1.5)), Calendar("0 9 * * 1-5", "Europe/Zurich")],
)
def test_a_schedule_is_what_its_text_says(schedule: Every | Calendar) -> None:
    assert parse_schedule(str(schedule)) == schedule


@pytest.mark.parametrize(
    ("expression", "zone", "text"),
    [
        ("0 9 * *", "UTC", "'0 9 \\* \\*' is not a cron expression"),
        ("0 0 9 * * *", "UTC", "five fields"),
        ("0 25 * * *", "UTC", "is not a cron expression: bad hour"),
        ("0 0 31 2 *", "UTC", "is not a cron expression: bad day-of-month"),
        (
            "0 9 * * *",
            "Europe/Zurch",
            "there is no time zone 'Europe/Zurch'\n  help: did you mean 'Europe/Zurich'",
        ),
        ("0 9 * * *", "../etc/passwd", "there is no time zone"),
    ],
)
def test_mistakes_are_named(expression: str, zone: str, text: str) -> None:
    with pytest.raises(SetupError, match=text):
        Calendar(expression, zone)


def test_a_period_is_a_second_or_more() -> None:
    with pytest.raises(SetupError, match="@every needs a period of at least one second, got 0:00:00"):
        Every(timedelta(0))
