"""Logins of programs at a running server, allowed by somebody in a browser."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import httpx

from syncline.client.login_server import LoginServer, Tokens
from syncline.client.logins import Login, Logins
from syncline.kernel.clock import SystemClock

from .people import Person
from .processes import SYNCLINE, environment
from .serving import Running

APP = """
    from syncline import App
    from syncline.auth import Accounts, EmailCode, Password

    app = App(auth=[Password(memory_kib=8192, passes=1), EmailCode(), Accounts(name="Orchard", algorithm="ES256")])
"""
NOTES = """
    from syncline import Document, Index, MutationCtx, QueryCtx, mutation, owned_by, query


    class Note(Document):
        text: str
        owner: str = ""

        by_owner = Index("owner")
        access = owned_by("owner")


    @query
    def mine(ctx: QueryCtx) -> list[str]:
        return [note.text for note in ctx.db.query(Note)]


    @mutation
    def add(ctx: MutationCtx, text: str) -> None:
        print("adding", text)
        ctx.db.insert(Note(text=text))


    @query
    def me(ctx: QueryCtx) -> str | None:
        return ctx.auth.require().email


    @query(internal=True)
    def everything(ctx: QueryCtx) -> int:
        return ctx.db.unrestricted.query(Note).count()
"""
MODULES = {"app": APP, "notes": NOTES}


class Owner(Person):
    """Somebody with a browser of his own, who signs programs in."""

    def __init__(self, server: Running, email: str) -> None:
        super().__init__(server, email)
        self.server = server
        self.http = httpx.Client(base_url=server.url, timeout=30, headers={"accept": "text/html"})
        self.sign_up()

    def decide(self, code: str, action: str = "allow") -> str:
        """Enter the code, and allow or refuse what the page shows; what that page said."""
        shown = self.submit("/auth/device/code", self.http.get("/auth/device"), code=code)
        done = self.submit("/auth/device/decision", shown, action=action)
        assert done.status_code == 200, done.text
        return shown.text

    def log_in(self, folder: Path, name: str = "a test") -> Tokens:
        """Let a program in; its login is in the file of this folder."""
        server = LoginServer(self.server.url, SystemClock())
        asked = server.ask(name)
        self.decide(asked.user_code)
        tokens = server.poll(asked)
        assert isinstance(tokens, Tokens), tokens
        logins = Logins(folder)
        with logins.locked():
            logins.put(self.server.url, Login(tokens.refresh_token or "", tokens.token, tokens.expires_at))
        return tokens

    def end_other_sessions(self) -> None:
        self.submit("/auth/devices", self.http.get("/auth/devices"), action="others")

    def close(self) -> None:
        self.http.close()


@contextmanager
def begun(folder: Path, *arguments: str, **variables: str) -> Generator[subprocess.Popen[str]]:
    """A command that goes on; it is ended in the end."""
    process = subprocess.Popen(
        [SYNCLINE, *arguments],
        cwd=folder,
        env=environment(XDG_CONFIG_HOME=str(folder), **variables),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def code_of(process: subprocess.Popen[str]) -> str:
    """The code that a login prints."""
    assert process.stderr is not None
    for line in process.stderr:
        if found := re.search(r"Code +([A-Z]{4}-[A-Z]{4})", line):
            return found[1]
    raise AssertionError("no code")
