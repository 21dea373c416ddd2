"""Settings: defaults, then [tool.syncline] in pyproject.toml, then the environment, then flags; the last one counts.

This module is read before anything else is imported, by the supervisor too: standard library only.
"""

from __future__ import annotations

import difflib
import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from enum import Enum
from pathlib import Path
from typing import Any, cast

from syncline.kernel.errors import SetupError
from syncline.kernel.limits import Limits
from syncline.kernel.local_address import unix_path

_ORIGIN = re.compile(r"https?://([A-Za-z0-9.-]+|\[[0-9a-fA-F:.]+\])(:[0-9]{1,5})?").fullmatch
_LIMITS: dict[str, bool] = {item.name: isinstance(item.default, int) for item in fields(Limits)}
"""Whether a limit is a whole number."""


class Mode(Enum):
    DEV = "dev"
    START = "start"

    @property
    def is_production(self) -> bool:
        return self is Mode.START


@dataclass(frozen=True, slots=True)
class Settings:
    """Where an application is, where its data are, and where it listens. Paths are absolute."""

    backend: Path
    data: Path
    site: Path | None = None
    #: Where generated TypeScript goes, inside the frontend's npm package.
    typescript: Path | None = None
    #: The Python module with the functions' types, for clients without the application's code.
    python: Path | None = None
    #: The bucket that files are kept in, `s3://...`. None: a folder in the data folder.
    storage: str | None = None
    host: str = "127.0.0.1"
    port: int = 3210
    #: Under which browsers reach the server, without a path. None: not said; on this machine it is http://localhost:PORT.
    url: str | None = None
    #: Where administration is answered, and nowhere else: `ADDRESS:PORT` or `unix:/path`. None: where all is.
    admin_bind: str | None = None
    #: Origins of pages that may use the server from a browser, beside its own. Empty: every page may.
    origins: tuple[str, ...] = ()
    workers: int = 1
    #: Limits that differ from the defaults.
    limits: Mapping[str, float] = field(default_factory=dict[str, float])
    #: The folder that relative paths in output are relative to.
    base: Path = field(default_factory=Path.cwd)

    def make_limits(self) -> Limits:
        return replace(Limits(), **self.limits)  # type: ignore[arg-type]  # checked when they were read

    @property
    def public_origin(self) -> str:
        """Where clients reach this server; empty if that is not known before it listens."""
        if self.url is not None or not self.port:
            return self.url or ""
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::", "") else self.host  # noqa: S104 - what was asked for, not bound here
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    def shown(self, path: Path) -> str:
        """`path` as people write it: relative to the application if it is inside."""
        return str(path.relative_to(self.base)) if path.is_relative_to(self.base) else str(path)

    def to_json(self) -> str:
        """For the process that serves: see `from_json`."""
        return json.dumps(asdict(self), default=str)

    @classmethod
    def from_json(cls, text: str) -> Settings:
        values: dict[str, Any] = json.loads(text)
        for name in ("backend", "data", "site", "typescript", "python", "base"):
            if values[name] is not None:
                values[name] = Path(values[name])
        values["origins"] = tuple(values["origins"])
        return cls(**values)


def load_settings(
    folder: Path, environment: Mapping[str, str], flags: Mapping[str, object] | None = None
) -> Settings:
    """The settings of the application in or above `folder`. Flags that are None were not given.

    Raises SetupError, naming where a wrong value comes from.
    """
    base, table = _find_table(folder)
    where = f"[tool.syncline] in {base / 'pyproject.toml'}"
    _check_keys(table, [*_READERS, "limits"], where)
    values: dict[str, Any] = {"backend": base / "backend", "data": base / ".syncline"}
    for name, read in _READERS.items():
        if name in table:
            values[name] = read(table[name], base, f"`{name}` under {where}")
        variable = f"SYNCLINE_{name.upper()}"
        if environment.get(variable):
            values[name] = read(environment[variable], folder, f"the environment variable {variable}")
        if flags and flags.get(name) is not None:
            values[name] = read(flags[name], folder, f"--{name.replace('_', '-')}")
    limits = _read_limits(table.get("limits", {}), f"[tool.syncline.limits] in {base / 'pyproject.toml'}")
    return Settings(**values, limits=limits, base=base)


def _find_table(folder: Path) -> tuple[Path, dict[str, object]]:
    """The nearest folder at or above `folder` whose pyproject.toml has [tool.syncline], and that table."""
    folder = folder.resolve()
    for place in (folder, *folder.parents):
        file = place / "pyproject.toml"
        if not file.is_file():
            continue
        try:
            content: dict[str, object] = tomllib.loads(file.read_text())
        except (OSError, ValueError) as error:
            raise SetupError(f"{file} cannot be read: {error}", "correct it, and try again") from None
        tool = _table(content.get("tool"))
        table = _table(tool.get("syncline")) if tool is not None else None
        if table is not None:
            return place, table
    return folder, {}


def _read_path(value: object, folder: Path, where: str) -> Path:
    if isinstance(value, Path):
        return (folder / value).resolve()
    if not isinstance(value, str) or not value:
        raise SetupError(f"{where} is {value!r}; it must be the path of a folder")
    return (folder / Path(value).expanduser()).resolve()


def _read_port(value: object, folder: Path, where: str) -> int:
    port = _read_number(value, where)
    if not 0 <= port <= 65535:
        raise SetupError(f"{where} is {port}; ports are between 1 and 65535 (0: any that is free)")
    return port


def _read_host(value: object, folder: Path, where: str) -> str:
    if not isinstance(value, str) or not value:
        raise SetupError(f"{where} is {value!r}; it must be an address, such as 127.0.0.1 or 0.0.0.0")
    return value


def _read_url(value: object, folder: Path, where: str) -> str:
    url = value.rstrip("/") if isinstance(value, str) else ""
    if _ORIGIN(url) is None:
        raise SetupError(
            f"{where} is {value!r}; it must be an origin, without a path",
            'for example "https://app.example.com"',
        )
    return url.lower()


def _read_admin_bind(value: object, folder: Path, where: str) -> str:
    text = value if isinstance(value, str) else ""
    path = unix_path(text)
    if path:
        return f"unix:{(folder / Path(path).expanduser()).absolute()}"
    host, colon, port = text.rpartition(":")
    if not colon or not host or host == "unix" or not port.isdecimal() or int(port) > 65535:
        raise SetupError(
            f"{where} is {value!r}; it must be an address with a port, or the path of a socket",
            'for example "127.0.0.1:3211" or "unix:/run/app/admin.sock"',
        )
    return text


def _read_storage(value: object, folder: Path, where: str) -> str:
    if not isinstance(value, str) or not value.startswith("s3://"):
        raise SetupError(
            f"{where} is {value!r}; it must be the address of a bucket", 'for example "s3://bucket/prefix"'
        )
    return value


def _read_origins(value: object, folder: Path, where: str) -> tuple[str, ...]:
    found = value.replace(",", " ").split() if isinstance(value, str) else value
    if not isinstance(found, list | tuple):
        raise SetupError(
            f"{where} is {value!r}; it must be a list of origins", 'for example ["https://example.com"]'
        )
    return tuple(_read_url(each, folder, where) for each in cast("list[object]", found))


def _read_workers(value: object, folder: Path, where: str) -> int:
    workers = _read_number(value, where)
    if workers != 1:
        raise SetupError(f"{where} is {workers}; this version serves with one worker process", "leave it out")
    return workers


def _read_number(value: object, where: str) -> int:
    try:
        if isinstance(value, int | str) and not isinstance(value, bool):
            return int(value)
    except ValueError:
        pass
    raise SetupError(f"{where} is {value!r}; it must be a whole number")


_READERS = {
    "admin_bind": _read_admin_bind,
    "backend": _read_path,
    "data": _read_path,
    "site": _read_path,
    "typescript": _read_path,
    "python": _read_path,
    "host": _read_host,
    "origins": _read_origins,
    "storage": _read_storage,
    "port": _read_port,
    "url": _read_url,
    "workers": _read_workers,
}


def _read_limits(value: object, where: str) -> dict[str, float]:
    table = _table(value)
    if table is None:
        raise SetupError(f"{where} must be a table of limits")
    _check_keys(table, _LIMITS, where)
    return {name: _read_limit(name, value, where) for name, value in table.items()}


def _read_limit(name: str, value: object, where: str) -> float:
    whole = _LIMITS[name]
    if isinstance(value, int if whole else (int, float)) and not isinstance(value, bool) and value > 0:
        return value
    kind = "a whole number" if whole else "a number"
    raise SetupError(f"`{name}` under {where} is {value!r}; it must be {kind} above zero")


def _table(value: object) -> dict[str, object] | None:
    """A TOML table, whose keys are always strings; None for anything else."""
    return cast("dict[str, object]", value) if isinstance(value, dict) else None


def _check_keys(table: Mapping[str, object], known: Iterable[str], where: str) -> None:
    names = sorted(known)
    for name in table:
        if name not in names:
            near = difflib.get_close_matches(name, names, 1)
            hint = f"did you mean `{near[0]}`?" if near else f"known are {', '.join(names)}"
            raise SetupError(f"`{name}` under {where} is not a setting", hint)
