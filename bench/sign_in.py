"""Sign-in: how long a page takes, and what a flood of sign-ins does to everybody else."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import queue
import re
import statistics
import textwrap
import time
from pathlib import Path
from typing import Any

import httpx

from bench.report import Budget, Figure, Report
from bench.server import Server
from bench.settings import Settings
from syncline.client import SyncClient, Update

PAGES = 300
VISITORS = 100


def sign_in(settings: Settings, report: Report) -> None:
    """The sign-in page, and how long a change takes to arrive, alone and while 100 visitors try passwords at once."""
    report.begin("sign-in: pages, and others during a flood of sign-ins")
    # The visitors are at addresses of their own: they would be told to wait otherwise.
    os.environ["SYNCLINE_TRUSTED_PROXIES"] = "127.0.0.0/8"
    with Server(settings.new_data(), backend=_application(settings.folder)) as server:
        site = f"http://localhost:{server.port}"
        with httpx.Client(base_url=site) as client:
            pages = [_timed(client, "/auth/sign-in") for _ in range(PAGES)]
        quiet = _changes(site, settings.seconds)
        # In a process of its own: in this one its work would count as the server's.
        flood = multiprocessing.get_context("spawn").Pool(1)
        with flood:
            answers = flood.apply_async(run_flood, (site, settings.warmup + settings.seconds + 1))
            time.sleep(settings.warmup)
            busy = _changes(site, settings.seconds)
            counted = ", ".join(f"{count} x {status}" for status, count in sorted(answers.get().items()))
    _add(report, "sign-in page", pages, Budget(50))
    _add(report, "live query, no sign-ins", quiet, None)
    _add(report, "live query, 100 signing in", busy, Budget(100), f"answers {counted}")


def _add(report: Report, name: str, times: list[float], budget: Budget | None, note: str = "") -> None:
    tail = statistics.quantiles(times, n=100)[98]
    notes = (f"median {statistics.median(times):.1f}", *([note] if note else []))
    report.add("sign-in", Figure(f"{name}, p99", tail, "ms", budget, notes), {"milliseconds": times})


def _timed(client: httpx.Client, path: str) -> float:
    began = time.perf_counter()
    client.get(path).raise_for_status()
    return (time.perf_counter() - began) * 1000


def _changes(site: str, seconds: float) -> list[float]:
    """Times from sending a change to its arrival in a live query, by the same socket; fifty changes a second."""
    times: list[float] = []
    arrived = queue.SimpleQueue[object]()

    def show(update: Update[Any]) -> None:
        if update.state == "live":  # in the end the client is closed
            arrived.put(update.value)

    with SyncClient(site) as client:
        client.subscribe("ticks:newest", show)
        arrived.get()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            began = time.perf_counter()
            expected = client.mutation("ticks:tick")
            while arrived.get() != expected:
                pass
            times.append((time.perf_counter() - began) * 1000)
            time.sleep(0.02)
    return times


def run_flood(site: str, seconds: float) -> dict[int, int]:
    """100 visitors for so long."""
    return asyncio.run(_flood(site, time.monotonic() + seconds))


async def _flood(site: str, end: float) -> dict[int, int]:
    """Visitors who try one password after another. How often which status was the answer."""
    answers: dict[int, int] = {}

    async def visit(client: httpx.AsyncClient, csrf: str, number: int) -> None:
        tries = 0
        while time.monotonic() < end:
            tries += 1
            form = {
                "csrf": csrf,
                "email": f"u{number}-{tries}@example.com",
                "password": "wrong words",
                "method": "password",
            }
            address = {"x-forwarded-for": f"203.{number}.{tries // 250 % 250}.{tries % 250}"}
            answer = await client.post("/auth/sign-in", data=form, headers=address)
            answers[answer.status_code] = answers.get(answer.status_code, 0) + 1
            if answer.status_code == 503:
                await asyncio.sleep(0.1)

    # One client for all: making a hundred takes longer than the measurement.
    limits = httpx.Limits(max_connections=VISITORS)
    async with httpx.AsyncClient(
        base_url=site, timeout=60, headers={"origin": site}, limits=limits
    ) as client:
        found = re.search(r'name="csrf" value="(\w+)"', (await client.get("/auth/sign-in")).text)
        assert found
        await asyncio.gather(*(visit(client, found[1], number) for number in range(VISITORS)))
    return answers


def _application(folder: Path) -> Path:
    backend = folder / "sign-in" / "backend"
    backend.mkdir(parents=True)
    (backend / "__init__.py").touch()
    app = """
        from syncline import App
        from syncline.auth import EmailCode, Password

        app = App(auth=[Password(), EmailCode()])
    """
    ticks = """
        from syncline import Document, Id, MutationCtx, QueryCtx, mutation, query


        class Tick(Document):
            count: int


        @mutation(anonymous=True)
        def tick(ctx: MutationCtx) -> Id[Tick]:
            return ctx.db.insert(Tick(count=1))


        @query(anonymous=True)
        def newest(ctx: QueryCtx) -> Id[Tick] | None:
            tick = ctx.db.query(Tick).order("desc").first()
            return None if tick is None else tick.id
    """
    for name, text in (("app", app), ("ticks", ticks)):
        (backend / f"{name}.py").write_text(textwrap.dedent(text).lstrip("\n"))
    return backend
