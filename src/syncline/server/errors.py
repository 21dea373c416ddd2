"""How errors of set-up look on a terminal: what, where, and the next thing to do."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TextIO

from syncline.kernel.errors import SetupError


def show_setup_error(error: SetupError, environment: Mapping[str, str], stream: TextIO | None = None) -> None:
    """`error: ...`, or `error[code]: ...` where the kind of error has a code of its own."""
    target = stream or sys.stderr
    label = "error" if error.code == SetupError.code else f"error[{error.code}]"
    if target.isatty() and not environment.get("NO_COLOR"):
        label = f"\x1b[1;31m{label}\x1b[0m"
    print(f"{label}: {error}", file=target, flush=True)
