"""The built-in identity provider under test: on a file of its own and a clock that stands still, with visitors."""

from __future__ import annotations

import asyncio
import html
import re
from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import httpx
from joserfc import jwt
from joserfc.jwk import KeySet

from syncline.accounts import AccountSettings, Core, IdentityProvider
from syncline.accounts.admin import Administrator
from syncline.accounts.mail import outbox
from syncline.accounts.mail.outbox import Mail
from syncline.accounts.mail.transport import Transport
from syncline.auth import Accounts, EmailCode, Passkey, Password, Provider
from syncline.client import AccountsClient
from syncline.client.accounts import Reply
from syncline.kernel.clock import FakeClock
from syncline.kernel.secrets import SecretBox

P = ParamSpec("P")
T = TypeVar("T")

URL = "http://localhost:3210"
#: Admin keys of every house, and whose they are.
ADMINISTRATORS = {
    "admin|secret": Administrator("tester"),
    "admin|reading": Administrator("reader", read_only=True),
}
#: As cheap as hashes get.
CHEAP = Password(memory_kib=8192, passes=1)
PASSWORD = "a long sentence 77"

_HIDDEN = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)">')
_CODE = re.compile(r"\b(\d{6})\b")
_LINK = re.compile(r"https?://\S+?(/auth/\S+)")


class House:
    """One identity provider. What it does asynchronously is run to its end by the test's thread."""

    def __init__(
        self,
        folder: Path,
        *providers: Provider,
        url: str = URL,
        production: bool = False,
        transport: Transport | None = None,
        environment: Mapping[str, str] | None = None,
        **settings: Any,
    ) -> None:
        self.folder = folder
        self.clock = FakeClock()
        self.settings = AccountSettings(
            # ES256: making an RSA key takes as long as a whole test.
            providers or (CHEAP, EmailCode(), Passkey(), Accounts(algorithm="ES256")),
            url,
            production,
            environment=lambda: environment or {},
            **settings,
        )
        self._runner = asyncio.Runner()
        self.provider = IdentityProvider.open(folder, self.settings, self.clock, SecretBox(b"k" * 32), None)
        if transport is not None:
            self.provider.mailer.transport = transport
        self.provider.find_administrator = lambda key, address: ADMINISTRATORS.get(key)

    @property
    def core(self) -> Core:
        return self.provider.core

    def run(self, work: Awaitable[T]) -> T:
        async def wait() -> T:
            return await work

        return self._runner.run(wait())

    def do(self, work: Callable[Concatenate[Core, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """One transaction on the identity file."""
        return self.provider.workers.call(work, self.core, *args, **kwargs)

    @property
    def accounts(self) -> AccountsClient:
        """The administration of this house, over HTTP as its clients ask it."""
        return AccountsClient(transport=_Wire(self))

    def visitor(self, **headers: str) -> Visitor:
        """A browser of its own."""
        return Visitor(self, headers)

    def mails(self, to: str) -> list[Mail]:
        """Mails to an address, newest first."""
        return self.do(outbox.newest, to=to)

    def mail(self, to: str) -> Mail:
        return self.mails(to)[0]

    def code(self, to: str) -> str:
        """The code in the newest mail."""
        found = _CODE.search(self.mail(to).subject)
        assert found, self.mail(to).text
        return found[1]

    def link(self, to: str) -> str:
        """The path of the link in the newest mail."""
        found = _LINK.search(self.mail(to).text)
        assert found, self.mail(to).text
        return found[1]

    def sign_up(self, email: str, password: str = PASSWORD, name: str = "", **headers: str) -> Visitor:
        """Somebody with a new account, signed in."""
        visitor = self.visitor(**headers)
        visitor.get("/auth/sign-up")
        visitor.submit("/auth/sign-up", email=email, password=password, name=name)
        visitor.submit("/auth/verify", code=self.code(email))
        assert visitor.session() is not None, visitor.last.text
        return visitor

    def close(self) -> None:
        self._runner.close()
        self.provider.close()


class Visitor:
    """A browser: keeps cookies, follows redirects within the pages, and fills in what forms hide."""

    def __init__(self, house: House, headers: Mapping[str, str]) -> None:
        self.house = house
        self.last: httpx.Response
        #: The answer to the newest form or page, and those of where it led.
        self.answers: list[httpx.Response] = []
        self._hidden: dict[str, str] = {}
        self._address = headers.get("address", "203.0.113.7")
        self._cookies = httpx.Cookies()
        self._headers = {
            "user-agent": headers.get("agent", "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"),
            "accept-language": headers.get("language", "en"),
        }
        if "forwarded" in headers:
            self._headers["x-forwarded-for"] = headers["forwarded"]

    def request(self, method: str, path: str, **more: Any) -> httpx.Response:
        """One request, no more."""
        return self.house.run(self._request(method, path, **more))

    def get(self, path: str, **headers: str) -> httpx.Response:
        """A page, with redirects within /auth followed; remembers its forms."""
        response = self.request("GET", path, headers={"accept": "text/html", **headers})
        return self._arrive(response)

    def submit(self, path: str, **fields: str) -> httpx.Response:
        """A form of the page at hand, and where it leads."""
        hidden = {name: value for name, value in self._hidden.items() if name not in fields}
        headers = {"accept": "text/html", "origin": self.house.settings.url, "sec-fetch-site": "same-origin"}
        response = self.request("POST", path, data={**hidden, **fields}, headers=headers)
        return self._arrive(response)

    def post(self, path: str, **body: Any) -> httpx.Response:
        """JSON, as a script of the site sends it."""
        return self.request("POST", path, json=body, headers={"origin": self.house.settings.url})

    def session(self) -> dict[str, Any] | None:
        """What /auth/session says of the session."""
        found: dict[str, Any] | None = self.request("GET", "/auth/session").json()["session"]
        return found

    def user(self) -> dict[str, Any]:
        found: dict[str, Any] = self.request("GET", "/auth/session").json()["user"]
        return found

    def token(self) -> str:
        response = self.post("/auth/token")
        assert response.status_code == 200, response.text
        token: str = response.json()["token"]
        return token

    def claims(self) -> dict[str, Any]:
        """The verified claims of a new token."""
        keys = KeySet.import_key_set(self.house.provider.key_set)  # type: ignore[arg-type]  # a key set as JSON
        claims: dict[str, Any] = jwt.decode(self.token(), keys, algorithms=["RS256", "ES256"]).claims
        return claims

    def sign_in(self, email: str, password: str = PASSWORD) -> httpx.Response:
        self.get("/auth/sign-in")
        return self.submit("/auth/sign-in", email=email, password=password, method="password")

    @property
    def cookies(self) -> httpx.Cookies:
        return self._cookies

    @property
    def hidden(self) -> dict[str, str]:
        """The hidden fields of the page at hand."""
        return dict(self._hidden)

    @property
    def alert(self) -> str:
        """What the page complains about."""
        found = re.search(r'role="alert" id="error">([^<]*)<', self.last.text)
        return html.unescape(found[1]) if found else ""

    def _arrive(self, response: httpx.Response) -> httpx.Response:
        self.answers = [response]
        for _ in range(5):
            target = response.headers.get("location", "")
            if response.status_code != 303 or not target.startswith("/auth/"):
                break
            response = self.request("GET", target, headers={"accept": "text/html"})
            self.answers.append(response)
        if "text/html" in response.headers.get("content-type", ""):
            self._hidden = {name: html.unescape(value) for name, value in _HIDDEN.findall(response.text)}
        self.last = response
        return response

    async def _request(self, method: str, path: str, **more: Any) -> httpx.Response:
        transport = httpx.ASGITransport(self.house.provider.application, client=(self._address, 1))
        headers = {**self._headers, **more.pop("headers", {})}
        async with httpx.AsyncClient(
            transport=transport, base_url=self.house.settings.url, cookies=self._cookies
        ) as client:
            response = await client.request(method, path, headers=headers, **more)
            self._cookies = client.cookies
            return response


class _Wire:
    """From the client of the administration to the pages' application."""

    def __init__(self, house: House) -> None:
        self._visitor = house.visitor(agent="robot")

    def send(self, method: str, path: str, query: Mapping[str, str], body: bytes | None) -> Reply:
        headers = {"authorization": "Convex admin|secret", "content-type": "application/json"}
        answer = self._visitor.request(
            method, f"/auth/v1{path}", params=dict(query), content=body, headers=headers
        )
        return Reply(answer.status_code, answer.content)

    def close(self) -> None:
        pass


@contextmanager
def house(folder: Path, *providers: Provider, **settings: Any) -> Generator[House]:
    built = House(folder, *providers, **settings)
    try:
        yield built
    finally:
        built.close()
