"""The application object: settings that belong to code and not to a deployment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from syncline.auth import Accounts, Provider
from syncline.kernel.errors import SetupError

from .collecting import collect
from .routes import check_path


class App:
    """Declared in the backend's `app.py` as `app = App(...)`. An application without one has the defaults.

    `auth` lists the ways to sign in. With any of them every function and route needs a signed-in caller unless it is
    declared `anonymous=True`.

    `mounts` are other web applications by the path at which they are served: ASGI ones (FastAPI, Starlette) and WSGI
    ones (Flask, Django). `anonymous_mounts` names those that need no signed-in caller.
    """

    def __init__(
        self,
        *,
        auth: Sequence[Provider] = (),
        mounts: Mapping[str, Any] | None = None,
        anonymous_mounts: Sequence[str] = (),
    ) -> None:
        self.auth = tuple(auth)
        for provider in self.auth:
            if not isinstance(provider, Provider):  # pyright: ignore[reportUnnecessaryIsInstance] - not everybody checks types
                raise SetupError(
                    f"App(auth=[...]) holds {provider!r}, which is no way to sign in",
                    "list providers from syncline.auth, with parentheses: App(auth=[Password()])",
                )
        own = [provider for provider in self.auth if provider.built_in]
        if own and all(isinstance(provider, Accounts) for provider in own):
            raise SetupError(
                "App(auth=[Accounts(...)]) lists no way to sign in",
                "Accounts(...) has the settings of all of them: list one too, for example Password()",
            )
        self.mounts: dict[str, Any] = {}
        for path, application in (mounts or {}).items():
            where = f"App(mounts={{{path!r}: ...}})"
            if path != "/":
                check_path(path, where)
            if not callable(application):
                raise SetupError(
                    f"{where}: {application!r} is no web application", "mount an ASGI or WSGI application"
                )
            if path.rstrip("/") in self.mounts:
                raise SetupError(
                    f"{where}: something is mounted there already, with or without the / at the end",
                    "mount each application at a path of its own",
                )
            self.mounts[path.rstrip("/")] = application
        self.anonymous_mounts = frozenset(path.rstrip("/") for path in anonymous_mounts)
        unknown = self.anonymous_mounts - self.mounts.keys()
        if unknown:
            raise SetupError(f"App(anonymous_mounts=...): nothing is mounted at {', '.join(sorted(unknown))}")
        collect(self)
