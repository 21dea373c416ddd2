"""Options that several commands have, and what becomes of them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

if TYPE_CHECKING:
    from syncline.server.settings import Settings

Command = TypeVar("Command", bound=Callable[..., object])


def backend_option(command: Command) -> Command:
    text = "Folder of the functions (default: backend).  [SYNCLINE_BACKEND]"
    return click.option("--backend", type=click.Path(path_type=Path), metavar="DIR", help=text)(command)


def data_option(command: Command) -> Command:
    text = "Folder of the data, made if it is missing (default: .syncline).  [SYNCLINE_DATA]"
    return click.option("--data", type=click.Path(path_type=Path), metavar="DIR", help=text)(command)


def user_url_option(text: str) -> Callable[[Command], Command]:
    """`--url` of a server that is called as the user who is signed in there."""
    return click.option("--url", metavar="ORIGIN", help=text)


json_option = click.option("--json", "as_json", is_flag=True, help="JSON for programs instead of text.")


def settings_of(flags: dict[str, object]) -> Settings:
    """The settings of the application in this folder. Raises SetupError."""
    from syncline.server.settings import load_settings

    return load_settings(Path.cwd(), os.environ, flags)
