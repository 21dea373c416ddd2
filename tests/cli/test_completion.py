"""Shell completion, and help that is worth reading."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from support.processes import syncline
from syncline.cli.main import syncline as group


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_for_each_shell_is_printed(tmp_path: Path, shell: str) -> None:
    done = syncline("completion", shell, folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"_SYNCLINE_COMPLETE={shell}_complete" in done.stdout


def test_commands_and_options_are_completed(tmp_path: Path) -> None:
    def completed(words: str, position: int) -> list[str]:
        variables = {"_SYNCLINE_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(position)}
        return syncline(folder=tmp_path, variables=variables).stdout.split()

    assert completed("syncline ex", 1) == ["plain,explain", "plain,export"]
    assert "plain,--strict" in completed("syncline audit --", 2)


@pytest.mark.parametrize("name", sorted(group.commands))
def test_every_command_explains_itself_with_an_example(name: str) -> None:
    command = group.commands[name]
    text = command.help or ""
    assert len(text) > 60
    assert f"syncline {name}" in text or isinstance(command, click.Group), "an example"
