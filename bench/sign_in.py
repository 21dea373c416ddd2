"""Sign-in: how long a page takes, and what a flood of sign-ins does to everybody else."""

from __future__ import annotations

import asyncio
import os
import re
import statistics
import textwrap
import threading
import time
from pathlib import Path

import httpx

from bench.report import Budget, Figure, Report
from bench.server import Server
from bench.settings import Settings

PAGES = 300
VISITORS = 100


def sign_in(settings: Settings, report: Report) -> None:
    """The sign-in page, and a live query's function over HTTP, alone and while 100 visitors try passwords at once."""
    report.begin("sign-in: pages, and others during a flood of sign-ins")
    # The visitors are at addresses of their own: they would be told to wait otherwise.
    os.environ["SYNCLINE_TRUSTED_PROXIES"] = "127.0.0.0/8"
    with Server(settings.new_data(), backend=_application(settings.folder)) as server:
        site = f"http://localhost:{server.port}"
        with httpx.Client(base_url=site) as client:
            pages = [_timed(client, "/auth/sign-in") for _ in range(PAGES)]
            quiet = _mutations(client, settings.seconds)
            stop, results = threading.Event(), list[dict[int, int]]()
            flood = threading.Thread(target=lambda: results.append(asyncio.run(_flood(site, stop))))
            flood.start()
            time.sleep(settings.warmup)
            busy = _mutations(client, settings.seconds)
            stop.set()
            flood.join()
    _add(report, "sign-in page", pages, Budget(50))
    _add(report, "mutation, no sign-ins", quiet, None)
    answers = ", ".join(f"{count} x {status}" for status, count in sorted(results[0].items()))
    _add(report, "mutation, 100 signing in", busy, Budget(100), f"answers {answers}")


def _add(report: Report, name: str, times: list[float], budget: Budget | None, note: str = "") -> None:
    tail = statistics.quantiles(times, n=100)[98]
    notes = (f"median {statistics.median(times):.1f}", *([note] if note else []))
    report.add("sign-in", Figure(f"{name}, p99", tail, "ms", budget, notes), {"milliseconds": times})


def _timed(client: httpx.Client, path: str) -> float:
    began = time.perf_counter()
    client.get(path).raise_for_status()
    return (time.perf_counter() - began) * 1000


def _mutations(client: httpx.Client, seconds: float) -> list[float]:
    """Times of mutations, fifty a second."""
    times: list[float] = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        began = time.perf_counter()
        answer = client.post("/api/mutation", json={"path": "ticks:tick", "args": {}, "format": "json"})
        answer.raise_for_status()
        times.append((time.perf_counter() - began) * 1000)
        time.sleep(0.02)
    return times


async def _flood(site: str, stop: threading.Event) -> dict[int, int]:
    """Visitors who try one password after another. How often which status was the answer."""
    answers: dict[int, int] = {}

    async def visit(client: httpx.AsyncClient, csrf: str, number: int) -> None:
        tries = 0
        while not stop.is_set():
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
        from syncline import Document, MutationCtx, mutation


        class Tick(Document):
            count: int


        @mutation(anonymous=True)
        def tick(ctx: MutationCtx) -> None:
            ctx.db.insert(Tick(count=1))
    """
    for name, text in (("app", app), ("ticks", ticks)):
        (backend / f"{name}.py").write_text(textwrap.dedent(text).lstrip("\n"))
    return backend
