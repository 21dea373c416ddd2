"""The package's own tests, under Node."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from support.todo import PACKAGE


@pytest.mark.node
def test_the_packages_own_tests_pass(package: Path) -> None:
    done = subprocess.run(
        ["node", "--test", "test/"], cwd=package, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_package_depends_on_nothing() -> None:
    described = json.loads((PACKAGE / "package.json").read_text())
    assert "dependencies" not in described
    assert all(each["optional"] for each in described["peerDependenciesMeta"].values())
