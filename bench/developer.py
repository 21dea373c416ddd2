"""What a developer waits for: the command line, `syncline dev`, a saved file in the browser, and tests."""

from __future__ import annotations

import re
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from bench.report import Budget, Figure, Report, number
from bench.server import LOAD_CORE, Server, pinned
from bench.settings import Settings

SYNCLINE = str(Path(sys.executable).parent / "syncline")
CHAT = Path(__file__).resolve().parent.parent / "examples" / "chat"
RUNS = 10
STARTS = 5
SAVES = 10
TESTS = 500

#: What "small" means: a fresh backend, one mutation, one query.
SMALL_TESTS = f"""\
import pytest
from syncline.testing import Backend

from backend import tasks


@pytest.mark.parametrize("number", range({TESTS}))
def test_a_task_is_listed(backend: Backend, number: int) -> None:
    backend.mutation(tasks.add, title=f"task {{number}}")
    assert [task.title for task in backend.query(tasks.list_tasks)] == [f"task {{number}}"]
"""


def help_text(settings: Settings, report: Report) -> None:
    """`syncline --help`: what each use of the command line begins with."""
    report.begin("help: from the command to the end of its output")
    times = [_seconds([SYNCLINE, "--help"]) for _ in range(RUNS + 1)][
        1:
    ]  # the first one fills the disk's cache
    report.add("help", _times("syncline --help", times, Budget(0.15)), {"seconds": times})


def dev(settings: Settings, report: Report) -> None:
    """`syncline dev` with the chat of the examples, and with nothing stored."""
    report.begin("dev: process start to /readyz, with the example chat")
    times = list[float]()
    for _ in range(STARTS):
        with Server(settings.new_data(), backend=CHAT / "backend", mode="dev", site=CHAT / "site") as server:
            times.append(server.seconds_to_ready)
    report.add("dev", _times("syncline dev ready", times, Budget(1)), {"seconds": times})


def save(settings: Settings, report: Report) -> None:
    """In `syncline dev`: from saving a function to what it returns now, on the page in a browser."""
    report.begin("save: a saved file to the page in Chromium")
    project = _new_project(settings)
    server = Server(settings.new_data(), backend=project / "backend", mode="dev", site=project / "site")
    with server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
        page = browser.new_page()
        page.goto(server.url)
        _wait_for_count(page, 0)
        times = [_saved(page, project / "backend" / "tasks.py", saves) for saves in range(1, SAVES + 1)]
        browser.close()
    report.add("save", _times("save to page", times, Budget(0.5)), {"seconds": times})


def tests(settings: Settings, report: Report) -> None:
    """The test kit: small tests, each with a backend of its own, in one run of pytest."""
    report.begin(f"tests: {TESTS} small tests with the fixture `backend`")
    project = _new_project(settings)
    (project / "tests" / "test_tasks.py").write_text(SMALL_TESTS)
    rates = [_tests_per_second(project) for _ in range(settings.repeat)]
    notes = (f"of {len(rates)}: {number(min(rates))} to {number(max(rates))}",)
    figure = Figure("tests a second", statistics.median(rates), "/s", Budget(100, at_least=True), notes)
    report.add("tests", figure, {"rates": rates})


def _new_project(settings: Settings) -> Path:
    project = settings.new_data()
    subprocess.run(
        [SYNCLINE, "new", str(project), "--template", "html"], check=True, stdout=subprocess.DEVNULL
    )
    return project


def _seconds(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(pinned(LOAD_CORE, command), check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def _saved(page: Page, module: Path, saves: int) -> float:
    time.sleep(0.3)  # a person saves no faster, and the watcher gathers what is saved together
    text = re.sub(r"done=False\).count\(\)( \+ \d+)?", f"done=False).count() + {saves}", module.read_text())
    saved = module.with_suffix(".saved")
    saved.write_text(text)
    started = time.perf_counter()
    saved.replace(module)
    _wait_for_count(page, saves)
    return time.perf_counter() - started


def _wait_for_count(page: Page, count: int) -> None:
    page.wait_for_function(
        "(text) => document.getElementById('counts').textContent.startsWith(text)", arg=f"{count} open"
    )


def _tests_per_second(project: Path) -> float:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(
        pinned(LOAD_CORE, command), cwd=project, capture_output=True, text=True, check=False
    )
    found = re.search(rf"{TESTS} passed in ([\d.]+)s", done.stdout)
    if found is None:
        raise RuntimeError(f"the tests did not pass:\n{done.stdout}{done.stderr}")
    return TESTS / float(found[1])


def _times(name: str, seconds: list[float], budget: Budget) -> Figure:
    ordered = sorted(seconds)
    notes = (f"of {len(ordered)}: {number(ordered[0])} to {number(ordered[-1])} s",)
    return Figure(f"{name}, median", statistics.median(ordered), "s", budget, notes)
