"""Names of fields: printable ASCII, at most 1,024 characters, not beginning with `$`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from syncline.kernel.errors import quoted

from .types import InvalidValueError

_MAX_LENGTH: Final = 1024
# Names that passed. An application has few and sends them all the time: looking them up is several times cheaper
# than looking at them. Bounded in count and length, so that made-up names cannot fill the memory.
_known: Final[set[str]] = set()
_KNOWN_NAMES: Final = 4096
_KNOWN_LENGTH: Final = 64


def check_names(fields: Mapping[str, object]) -> None:
    """Raise InvalidValueError for the first name that no field may have."""
    if _known.issuperset(fields):
        return
    for name in fields:
        if name not in _known:
            _check_name(name)
            if len(_known) < _KNOWN_NAMES and len(name) <= _KNOWN_LENGTH:
                _known.add(str.__str__(name))


def _check_name(name: object) -> None:
    # Callers hand on what users wrote, whatever its type.
    if not isinstance(name, str):
        raise InvalidValueError(f"a field's name must be a string, got {type(name).__name__}")
    if name.startswith("$"):
        raise InvalidValueError(f"a field's name must not start with '$': {quoted(name)}")
    if not (name.isascii() and name.isprintable()):
        raise InvalidValueError(f"a field's name must be printable ASCII: {quoted(name)}")
    if len(name) > _MAX_LENGTH:
        raise InvalidValueError(
            f"a field's name is too long ({len(name)} > maximum length {_MAX_LENGTH}): {quoted(name)}"
        )
