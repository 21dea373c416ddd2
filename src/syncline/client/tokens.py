"""Who the client is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from syncline.protocol import Authenticate


@dataclass(frozen=True, slots=True)
class AdminKey:
    """The deployment's admin key in place of a user's token: internal functions may be called too.

    `acting_as`: be this user instead (`issuer` and `subject`, and further claims).
    """

    key: str
    acting_as: Mapping[str, object] | None = None

    def __repr__(self) -> str:
        return f"AdminKey('…', acting_as={self.acting_as!r})"


#: The JSON Web Token of a user, or the admin key.
Token: TypeAlias = str | AdminKey

#: A token; None for nobody; or what gives one: called on each connect, with True if the last one it gave was refused.
TokenSource: TypeAlias = Token | Callable[[bool], Token | Awaitable[Token | None] | None] | None


def authenticate_message(base_version: int, token: Token | None) -> Authenticate:
    match token:
        case None:
            return Authenticate(base_version, "None")
        case AdminKey(key, acting_as):
            attributes = None if acting_as is None else dict(acting_as)
            return Authenticate(base_version, "Admin", key, impersonating=attributes)
        case _:
            return Authenticate(base_version, "User", token)
