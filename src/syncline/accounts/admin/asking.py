"""What an administrator asks for: an endpoint, and what was sent to it, read field by field."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from syncline.accounts import audit, organizations, users
from syncline.accounts.core import AccountError, Core, Visitor
from syncline.accounts.emails import clean_email
from syncline.accounts.organizations import Organization
from syncline.accounts.users import User

Method = Literal["GET", "POST", "PATCH", "DELETE"]

PAGE = 100
MOST = 1000
_TEXT_LENGTH = 10_000
_LEVELS = 32


@dataclass(frozen=True, slots=True)
class Administrator:
    """Who holds an admin key. `name` is for the log; a key that is for reading may GET, and no more."""

    name: str
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One method of one path below `/auth/v1`. `run` is a transaction of the identity file."""

    method: Method
    path: str
    run: Callable[[Asked], Any]
    #: What it does, for people.
    text: str
    #: Fields of the body, or of the query for GET and DELETE. Others are refused.
    takes: tuple[str, ...] = ()
    #: Of the answer.
    status: int = 200

    @property
    def reads(self) -> bool:
        """Whether fields come in the query, as text."""
        return self.method in ("GET", "DELETE")


def wrong(name: str, wanted: str) -> AccountError:
    """A refusal that names the field."""
    return AccountError("error.field", field=name, wanted=wanted)


@dataclass
class Asked:
    """One request. What it reads of `given` is checked: AccountError says which field is wrong."""

    core: Core
    endpoint: Endpoint
    #: Values of the places in the path.
    path: Mapping[str, str]
    given: Mapping[str, Any]
    #: Who asks, for the log.
    actor: str
    visitor: Visitor = field(default_factory=Visitor)
    #: Of a password that was given: hashing is no work for a transaction.
    password_hash: str | None = None

    def __post_init__(self) -> None:
        for name in self.given:
            if name not in self.endpoint.takes:
                raise AccountError(
                    "error.unknown_field", field=str(name)[:100], fields=", ".join(self.endpoint.takes) or "-"
                )

    def __contains__(self, name: str) -> bool:
        return name in self.given

    def text(self, name: str, default: str | None = None, *, length: int = _TEXT_LENGTH) -> str:
        """A text; needed if there is no default."""
        value = self.given.get(name, default)
        if not isinstance(value, str) or len(value) > length:
            raise wrong(name, f"text of at most {length} characters")
        return value

    def maybe(self, name: str) -> str | None:
        """A text, or null."""
        return None if self.given.get(name) is None else self.text(name)

    def number(self, name: str, default: int, *, least: int = 0, most: int = 10**15) -> int:
        value = self.given.get(name, default)
        if self.endpoint.reads and isinstance(value, str) and value.isascii() and value.isdigit():
            value = int(value[:20])
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise wrong(name, f"a whole number from {least} to {most}")
        return value

    def flag(self, name: str, default: bool = False) -> bool:
        value = self.given.get(name, default)
        if not isinstance(value, bool):
            raise wrong(name, "true or false")
        return value

    def texts(self, name: str) -> list[str]:
        value = self.given.get(name)
        if not isinstance(value, list):
            raise wrong(name, "a list of texts")
        found = cast("list[object]", value)
        if len(found) > 100 or not all(isinstance(each, str) and 0 < len(each) <= 200 for each in found):
            raise wrong(name, "a list of at most 100 texts")
        return [str(each) for each in found]

    def mapping(self, name: str) -> dict[str, Any]:
        value: object = self.given.get(name)
        if _depth(value, _LEVELS) > _LEVELS or not isinstance(value, dict):
            raise wrong(name, f"a JSON object of at most {_LEVELS} levels")
        return cast("dict[str, Any]", value)

    def rows(self, name: str) -> Sequence[object]:
        value = self.given.get(name)
        if not isinstance(value, list):
            raise wrong(name, "a list of JSON objects")
        return cast("list[object]", value)

    def email(self, name: str = "email") -> str:
        with self.about(name):
            return clean_email(self.text(name))

    @property
    def limit(self) -> int:
        return self.number("limit", PAGE, least=1, most=MOST)

    @property
    def after(self) -> str:
        return self.text("after", "")

    @contextmanager
    def about(self, name: str) -> Generator[None]:
        """What is refused inside is about this field."""
        try:
            yield
        except AccountError as error:
            if error.status in (400, 409):
                error.values.setdefault("field", name)
            raise

    def user(self) -> User:
        """Whom the path means: by id, external id or address."""
        return self._user(self.path["user"])

    def user_of(self, name: str = "user") -> User:
        """The same for a field."""
        return self._user(self.text(name))

    def organization(self) -> Organization:
        """Which one the path means: by id or slug."""
        found = organizations.find(self.core, self.path["organization"])
        if found is None:
            raise AccountError("error.no_organization", status=404)
        return found

    def record(self, event: str, user_id: str | None, **data: object) -> None:
        """Into the log of security events."""
        audit.record(self.core, event, user_id, self.visitor, actor=self.actor, **data)

    def _user(self, text: str) -> User:
        found = users.find(self.core, text)
        if found is None:
            raise AccountError("error.no_user", status=404)
        return found


def page(found: Sequence[dict[str, Any]], limit: int, key: str = "id") -> dict[str, Any]:
    """A page of a list, of which one more than `limit` was looked for. `next` is the `after` of the page behind it."""
    more = len(found) > limit
    shown = list(found[:limit])
    return {"data": shown, "next": shown[-1][key] if more else None}


def _depth(value: object, most: int) -> int:
    """How many levels a JSON value has, counted up to one more than `most`."""
    if most < 0 or not isinstance(value, dict | list):
        return 0
    inner = cast("Sequence[object]", value.values() if isinstance(value, dict) else value)
    return 1 + max((_depth(each, most - 1) for each in inner), default=0)


def missing() -> AccountError:
    return AccountError("error.not_found", status=404)
