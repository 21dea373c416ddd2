"""What every way to sign in is: a declaration in `App(auth=[...])`, without any behaviour of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, kw_only=True)
class Provider:
    """A way to sign in. Not used itself: list `Password()`, `Clerk(...)` and the like in `App(auth=[...])`.

    Providers are values: two with the same settings are equal. Subclasses check their settings in `__post_init__`
    and raise SetupError.
    """

    #: Whether Syncline itself signs people in this way, with pages, sessions and a user directory. If any provider of
    #: an application does, the server is an issuer of tokens too.
    built_in: ClassVar[bool] = False
