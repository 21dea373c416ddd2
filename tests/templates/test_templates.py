"""Each template, made into a project as users make it: checked, built, tested, and clicked through in Chromium.

Next.js is in the long tier, with and without Clerk: it is installed from its lock file, which takes a while.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from support.processes import syncline
from support.projects import check_python, done
from syncline.scaffold import TEMPLATES

ROOT = Path(__file__).resolve().parents[2]
INSTALLED = ROOT / "examples" / "chat-react"
PYTEST = ("pytest", "-q", "-p", "no:cacheprovider")


@pytest.fixture(scope="module")
def projects(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A project per template, by the template's name."""
    folder = tmp_path_factory.mktemp("projects")
    for name in TEMPLATES:
        finished = syncline("new", f"my-{name}", "--template", name, folder=folder)
        assert finished.returncode == 0, finished.stderr
    return {name: folder / f"my-{name}" for name in TEMPLATES}


def test_formatter_linter_and_type_checkers_have_nothing_to_say(
    projects: dict[str, Path], tmp_path: Path
) -> None:
    check_python(list(projects.values()), tmp_path / "cache")


@pytest.mark.parametrize("template", TEMPLATES)
def test_the_tests_of_a_new_project_pass(projects: dict[str, Path], template: str) -> None:
    assert " passed" in done(PYTEST, projects[template])


@pytest.mark.parametrize("template", TEMPLATES)
def test_check_and_audit_find_nothing(projects: dict[str, Path], template: str) -> None:
    done(("syncline", "check"), projects[template])
    assert "nothing found" in done(("syncline", "audit"), projects[template])


@pytest.mark.browser
@pytest.mark.parametrize("template", ["chat", "html"])
def test_the_page_works_in_a_browser(projects: dict[str, Path], template: str) -> None:
    assert "2 passed" in done((*PYTEST, "e2e"), projects[template])


@pytest.mark.browser
@pytest.mark.node
def test_the_page_of_vite_is_built_and_works_in_a_browser(projects: dict[str, Path]) -> None:
    web = projects["vite"] / "web"
    # The same packages as those of the example with React, which are installed for other tests.
    assert dependencies(web) == dependencies(INSTALLED)
    (web / "node_modules").symlink_to(INSTALLED / "node_modules")
    done(("npm", "run", "build"), web)
    assert "2 passed" in done((*PYTEST, "e2e"), projects["vite"])


def dependencies(web: Path) -> object:
    packages = json.loads((web / "package-lock.json").read_text())["packages"]
    return {path: package["version"] for path, package in packages.items() if path}


@pytest.mark.long
def test_nextjs_is_installed_built_and_works_in_a_browser(projects: dict[str, Path]) -> None:
    web = projects["nextjs"] / "web"
    done(("npm", "ci", "--no-audit", "--no-fund", "--prefer-offline"), web)
    done(("npm", "run", "build"), web, NEXT_TELEMETRY_DISABLED="1")
    assert "3 passed" in done((*PYTEST, "e2e"), projects["nextjs"])


@pytest.mark.long
def test_nextjs_with_clerk_is_installed_built_and_works_in_a_browser(projects: dict[str, Path]) -> None:
    """Clerk's own packages, and tokens like Clerk's; its servers are not asked, so its script in the page is not tried."""
    web = projects["nextjs-clerk"] / "web"
    key = base64.b64encode(b"clerk.example.com$").decode()
    (web / ".env.local").write_text(f"NEXT_PUBLIC_CLERK_PUBLISHABLE_KEY=pk_test_{key}\n")
    done(("npm", "ci", "--no-audit", "--no-fund", "--prefer-offline"), web)
    done(("npm", "run", "types"), web, NEXT_TELEMETRY_DISABLED="1")
    done(("npm", "run", "build"), web, NEXT_TELEMETRY_DISABLED="1")
    assert "3 passed" in done((*PYTEST, "e2e"), projects["nextjs-clerk"])


@pytest.mark.long
def test_vite_is_installed_from_its_lock_file(tmp_path: Path) -> None:
    assert syncline("new", "fresh", "--template", "vite", folder=tmp_path).returncode == 0
    web = tmp_path / "fresh" / "web"
    done(("npm", "ci", "--no-audit", "--no-fund", "--prefer-offline"), web)
    done(("npm", "run", "build"), web)
