"""Requests and their answers as records; lists of which a server gives one page at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar, cast
from urllib.parse import quote

import msgspec

from syncline.client.errors import AccountsError, ClientError

from .transport import PREFIX, Transport

T = TypeVar("T")

#: What is the application's own, and no place for our times.
_OPAQUE = ("public_metadata", "private_metadata", "unsafe_metadata", "data")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A part of a list. `next` is the `after` of the part behind it; None: there is none."""

    items: list[T]
    next: str | None


class Pages(Generic[T]):
    """A list on the server: iterate over all of it, or take a page. Pages are fetched when they are needed."""

    def __init__(self, fetch: Callable[[str | None], Page[T]]) -> None:
        self._fetch = fetch

    def page(self, after: str | None = None) -> Page[T]:
        """One page, the first unless `after` says behind which."""
        return self._fetch(after)

    def __iter__(self) -> Iterator[T]:
        page = self._fetch(None)
        yield from page.items
        while page.next is not None:
            page = self._fetch(page.next)
            yield from page.items


class Requests:
    """What the groups of methods send with."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def raw(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Any:
        """The answer as it is, JSON. Raises AccountsError for a refusal, ConnectionLostError without an answer."""
        sent = None if body is None else msgspec.json.encode(body)
        reply = self._transport.send(method, path, query or {}, sent)
        if 200 <= reply.status < 300:
            try:
                return msgspec.json.decode(reply.content)
            except msgspec.DecodeError:
                raise ClientError(
                    f"{method} {PREFIX}{path}: the answer is no JSON; is this a Syncline server?"
                ) from None
        raise _refusal(method, path, reply.status, reply.content)

    def get(self, kind: type[T], path: str, **query: object) -> T:
        return _record(kind, self.raw("GET", path, _query(query)))

    def delete(self, path: str, **query: object) -> Any:
        return self.raw("DELETE", path, _query(query))

    def send(self, kind: type[T], method: str, path: str, **fields: object) -> T:
        """With a body of those fields that are given."""
        given = {name: value for name, value in fields.items() if value is not UNSET}
        return _record(kind, self.raw(method, path, None, given))

    def pages(
        self, kind: type[T], path: str, page_size: int, *, start: object = None, **query: object
    ) -> Pages[T]:
        """`start`: behind what the list begins."""

        def fetch(after: str | None) -> Page[T]:
            # 0: of a list that is short, and comes whole.
            found = self.raw(
                "GET", path, _query({**query, "limit": page_size or None, "after": after or start})
            )
            next = found.get("next")
            return Page([_record(kind, each) for each in found["data"]], None if next is None else str(next))

        return Pages(fetch)


class Unset:
    """The default of what is left as it is."""

    def __repr__(self) -> str:
        return "UNSET"


UNSET = Unset()


def part(text: str) -> str:
    """A value as a part of a path."""
    if not text:
        raise ClientError("an id is needed here, not an empty text")
    return quote(text, safe="@")


def _query(query: Mapping[str, object]) -> dict[str, str]:
    return {name: str(value) for name, value in query.items() if value not in (None, "")}


def _record(kind: type[T], value: Any) -> T:
    try:
        return msgspec.convert(_with_times(value), kind)
    except (msgspec.ValidationError, OverflowError, ValueError) as error:
        raise ClientError(
            f"the server answered with another {kind.__name__}: {error}; is it of another version?"
        ) from None


def _with_times(value: Any) -> Any:
    """Milliseconds since the epoch become times."""
    if isinstance(value, list):
        return [_with_times(each) for each in value]  # pyright: ignore[reportUnknownVariableType] - any JSON
    if not isinstance(value, dict):
        return value
    found = cast("dict[str, Any]", value)
    return {name: each if name in _OPAQUE else _time(name, each) for name, each in found.items()}


def _time(name: str, value: Any) -> Any:
    if (name == "at" or name.endswith("_at")) and isinstance(value, int):
        return datetime.fromtimestamp(value / 1000, UTC)
    return _with_times(value)


class _Refused(msgspec.Struct):
    code: str
    message: str
    field: str | None = None


def _refusal(method: str, path: str, status: int, content: bytes) -> AccountsError:
    try:
        refused = msgspec.json.decode(content, type=_Refused)
    except msgspec.DecodeError:
        refused = _Refused("unexpected", f"the server answered with status {status}")
    return AccountsError(f"{method} {PREFIX}{path}", status, refused.code, refused.message, refused.field)
