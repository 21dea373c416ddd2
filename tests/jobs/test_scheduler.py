"""`ctx.scheduler`: what is scheduled runs when it is due, once, and what became of it is on record."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from support.jobs import JOBS, Application
from syncline import ArgumentError, LimitError
from syncline.kernel.limits import Limits


@pytest.fixture
def app(tmp_path) -> Iterator[Application]:
    with Application(tmp_path, JOBS) as app:
        yield app


def test_it(app: Application) -> None:
    backend = app.backend
    jobs = app.module("jobs")
    id = backend.mutation(jobs.later, seconds=60, text="a")
    assert backend.query(jobs.texts) == []
    backend.advance(seconds=59.9)
    assert backend.query(jobs.texts) == []
    backend.advance(seconds=0.1)
    assert backend.query(jobs.texts) == ["a"]
    [job] = backend.jobs()
    print(job)
    assert job.id == id
    assert job.state == "success"
