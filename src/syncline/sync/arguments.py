"""Arguments as cache keys: equal calls have equal bytes."""

from __future__ import annotations

from functools import lru_cache

from syncline.values import InvalidValueError, decode_json, encode_json

_CACHED_BYTES = 1024

#: Making 16 MiB canonical takes seconds, in which the event loop would serve nobody. Official clients sort the keys
#: that they send, so what is as large as this is taken as it is: only others' other spellings share no results then.
_LARGE_BYTES = 64 * 1024


def canonical_arguments(args: bytes) -> bytes:
    """One JSON object of arguments in canonical form, without the cache-buster of `usePaginatedQuery`.

    What cannot be decoded is returned as it is: running the function says what is wrong with it. So is what is large.
    """
    size = len(args)
    # Most arguments are short and repeat.
    if size <= _CACHED_BYTES:
        return _remembered(args)
    return _canonical(args) if size <= _LARGE_BYTES else args


def _canonical(args: bytes) -> bytes:
    try:
        value = decode_json(args)
        if isinstance(value, dict):
            options = value.get("paginationOpts")
            if isinstance(options, dict) and "id" in options:
                value["paginationOpts"] = {name: item for name, item in options.items() if name != "id"}
        return encode_json(value)
    except InvalidValueError:
        return args


_remembered = lru_cache(4096)(_canonical)
