"""Which client is calling, and what it can be given."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Final

from syncline.kernel.errors import quoted

from .errors import ProtocolError
from .formats import ValueFormat

_SEMVER: Final = re.compile(
    r"(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?", re.ASCII
).fullmatch
_MAX_HEADER: Final = 200


class Support(Enum):
    """Whether clients of a version may connect; the values go into the header x-convex-deprecation-state."""

    SUPPORTED = None
    UPGRADE_REQUIRED = "UpgradeRequired"
    UNSUPPORTED = "Unsupported"


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """A semantic version. Pre-releases come before their release; among each other they count as equal."""

    major: int
    minor: int
    patch: int
    is_release: bool = True

    @classmethod
    def parse(cls, text: str) -> Version | None:
        parts = _SEMVER(text)
        if parts is None:
            return None
        major, minor, patch, pre_release, _ = parts.groups()
        return cls(int(major), int(minor), int(patch), pre_release is None)

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"


_PYTHON: Final = frozenset({"python", "python-convex"})
_UNSUPPORTED: Final = {
    "npm": Version(0, 19, 1),
    "python": Version(0, 0, 2),
    "python-convex": Version(0, 0, 2),
    "rust": Version(0, 0, 1),
}
_UPGRADE_REQUIRED: Final = {"python": Version(0, 2, 0), "python-convex": Version(0, 2, 0)}
_CHUNKS_SINCE: Final = Version(1, 28, 0)
_CLEAN_JSON_SINCE: Final = {
    "npm": Version(1, 4, 1),
    "npm-cli": Version(1, 4, 1),
    "actions": Version(1, 4, 1),
    "python": Version(0, 5, 0),
    "python-convex": Version(0, 5, 0),
}


@dataclass(frozen=True, slots=True)
class ClientVersion:
    """A client's name, in lower case, and its version."""

    name: str
    version: Version

    @property
    def support(self) -> Support:
        if self._is_at_most(_UNSUPPORTED):
            return Support.UNSUPPORTED
        if self._is_at_most(_UPGRADE_REQUIRED):
            return Support.UPGRADE_REQUIRED
        return Support.SUPPORTED

    @property
    def supports_chunks(self) -> bool:
        """Whether it puts TransitionChunks together; others take one for an error and reconnect forever."""
        return self.name == "npm" and self.version >= _CHUNKS_SINCE

    @property
    def default_format(self) -> ValueFormat:
        """The format of results for HTTP requests that do not name one."""
        since = _CLEAN_JSON_SINCE.get(self.name)
        return ValueFormat.ENCODED if since is not None and self.version < since else ValueFormat.CLEAN

    def _is_at_most(self, versions: dict[str, Version]) -> bool:
        last = versions.get(self.name)
        return last is not None and self.version <= last


@lru_cache(256)
def resolve_client(header: str | None, path_version: str | None = None) -> ClientVersion | None:
    """Who is calling, by the header Convex-Client or else the version in the path of the sync endpoint.

    None if neither is there. Raises ProtocolError if one cannot be read, or for versions of long ago.
    """
    if header is not None:
        client = _parse_header(header)
    elif path_version is not None:
        version = Version.parse(path_version)
        if version is None:
            raise ProtocolError(
                f"{quoted(path_version)} in the path is not a version such as 1.48.0", "InvalidClientVersion"
            )
        client = ClientVersion("npm", version)
    else:
        return None
    if client.support is Support.UNSUPPORTED:
        raise ProtocolError(
            f"The client {client.name} {client.version} is no longer supported. Upgrade it to the newest version.",
            "ClientVersionUnsupported",
        )
    return client


def _parse_header(header: str) -> ClientVersion:
    """`NAME-VERSION`, where both may have dashes: the version is the longest end that is one."""
    name, dash, rest = header[:_MAX_HEADER].partition("-")
    while dash:
        version = Version.parse(rest)
        if version is not None:
            return ClientVersion(name.lower(), version)
        step, dash, rest = rest.partition("-")
        name = f"{name}-{step}"
    raise ProtocolError(
        f"The header Convex-Client is {quoted(header)}; it must be NAME-VERSION, such as npm-1.48.0",
        "InvalidClientVersion",
    )
