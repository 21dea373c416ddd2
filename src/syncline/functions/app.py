"""The application object: settings that belong to code and not to a deployment."""

from __future__ import annotations

from collections.abc import Sequence

from syncline.auth import Provider
from syncline.kernel.errors import SetupError


class App:
    """Declared in the backend's `app.py` as `app = App(...)`. An application without one has the defaults.

    `auth` lists the ways to sign in. With any of them every function and route needs a signed-in caller unless it is
    declared `anonymous=True`.
    """

    def __init__(self, *, auth: Sequence[Provider] = ()) -> None:
        self.auth = tuple(auth)
        for provider in self.auth:
            if not isinstance(provider, Provider):  # pyright: ignore[reportUnnecessaryIsInstance] - not everybody checks types
                raise SetupError(
                    f"App(auth=[...]) holds {provider!r}, which is no way to sign in",
                    "list providers from syncline.auth, with parentheses: App(auth=[Password()])",
                )
