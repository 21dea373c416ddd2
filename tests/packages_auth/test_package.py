"""The package's own tests, under Node."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from support.todo import PACKAGE
from syncline.accounts.web.assets import ASSETS


@pytest.mark.node
def test_the_packages_own_tests_pass(package: Path) -> None:
    done = subprocess.run(
        ["node", "--test", "test/"], cwd=package, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.node
def test_servers_offer_the_package_as_it_is_now(package: Path, tmp_path: Path) -> None:
    """To pages without a bundler, in one file."""
    command = shlex.split(json.loads((package / "package.json").read_text())["scripts"]["bundle"])
    fresh = tmp_path / "auth.js"
    command[-1] = f"--outfile={fresh}"
    subprocess.run(
        [package / "node_modules" / ".bin" / command[0], *command[1:], "--log-level=error"],
        cwd=package,
        check=True,
    )
    assert fresh.read_text() == (ASSETS / "auth.js").read_text(), "run `npm run bundle` in packages/auth"


@pytest.mark.node
def test_nextjs_recognizes_its_own_parts(package: Path) -> None:
    """It puts others in the place of `next/navigation`, and of nothing else: a build with `next/navigation.js` fails."""
    parts = re.findall(r'from "(next/[^"]+)"', (package / "dist" / "nextjs.js").read_text())
    assert sorted(parts) == ["next/headers", "next/navigation", "next/server"]


def test_the_package_depends_on_nothing() -> None:
    described = json.loads((PACKAGE / "package.json").read_text())
    assert "dependencies" not in described
    assert all(each["optional"] for each in described["peerDependenciesMeta"].values())
