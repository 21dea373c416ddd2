"""Where people are sent afterwards, by every entry that is told so: never to a site that the application does not name.
Check S25."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator
from urllib.parse import parse_qs, quote, unquote, urlsplit

import httpx
import pytest
from pyotp.totp import TOTP
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from support.authenticator import Authenticator
from support.holders import Holder
from support.houses import CHEAP, PASSWORD, House, house
from support.login_service import CLIENT, login_service
from syncline.accounts import linking, passwords, second_factor
from syncline.accounts.oauth import Profile
from syncline.accounts.passwords import Hasher
from syncline.accounts.redirects import safe_redirect
from syncline.accounts.web.application import ENTRIES
from syncline.auth import Accounts, EmailCode, OpenIDSignIn, Passkey

FRIEND = "https://app.example.com"
HASH = Hasher(CHEAP).hash(PASSWORD)
BAD = (
    "//evil.example", "///evil.example", "////evil.example", "/\\evil.example", "\\\\evil.example", "/\t/evil.example",
    "/\n/evil.example", "\t//evil.example", " //evil.example", "/%09/evil.example", "/%0a/evil.example", "/%20/evil.example",
    "/%2F/evil.example", "/%2fevil.example", "/%5Cevil.example", "/%5c%5cevil.example", "/%252Fevil.example",
    "%2F%2Fevil.example", "https:evil.example", "https:/evil.example", "https:///evil.example", "https://evil.example",
    "HTTPS://EVIL.example", "https%3A%2F%2Fevil.example", f"{FRIEND}.evil.example", f"{FRIEND}@evil.example",
    f"{FRIEND}:@evil.example", "https://localhost:3210@evil.example", "https://localhost%2eevil.example",
    "https://evil.example#@app.example.com", "https://evil.example?app.example.com", "https://evil.example\\@app.example.com",
    "https://x@app.example.com", f"{FRIEND}:444", "http://app.example.com", "javascript:alert(1)", "JavaScript:alert(1)",
    "java\tscript:alert(1)", "javascript%3Aalert(1)", "javascript://app.example.com/%0aalert(1)", "data:text/html,x",
    "vbscript:x", "ftp://app.example.com/", "blob:https://app.example.com/x", "evil.example", "@evil.example",
    "/\x00/evil.example", "/x\r\nlocation: https://evil.example", "https://[::1", "https://app.example.com:x/",
)  # fmt: skip
#: Of each kind one, for what takes a whole sign-in.
SOME = ("//evil.example", "/%09/evil.example", f"{FRIEND}@evil.example", "javascript:alert(1)")
GOOD = ("/caf%C3%A9/100%25?x=1%2F%2Fy#z", f"{FRIEND}/notes")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Generator[House]:
    with login_service() as service:
        acme = OpenIDSignIn(name="acme", issuer=service.url, client_id=CLIENT[0], client_secret=CLIENT[1])
        settings = Accounts(algorithm="ES256", redirects=[FRIEND])
        folder = tmp_path_factory.mktemp("returning")
        with house(folder, CHEAP, EmailCode(), Passkey(), acme, settings) as built:
            yield built


def kept(holder: Holder, purpose: str) -> str:
    """The address that the flow of this browser keeps."""
    browser = holder.visitor.cookies["syncline_browser"]
    sql = "SELECT json_extract(state, '$.target') FROM flows WHERE purpose = ? AND browser_hash = ? AND used = 0"
    rows = holder.house.do(lambda core: core.file.rows(sql, purpose, core.digest("browser", browser)))
    [(found,)] = rows
    return str(found)


def led(holder: Holder) -> str:
    """Where the answer to the newest form leads."""
    return str(holder.visitor.answers[0].headers.get("location", ""))


def submit(holder: Holder, page: str, target: str, path: str = "", **fields: str) -> str:
    """Where the form of a page leads that was opened with the address in its own."""
    holder.visitor.get(f"/auth{page}?redirect={quote(target, safe='')}")
    holder.visitor.submit(f"/auth{path or page}", **fields)
    return led(holder)


def signed_out(holder: Holder) -> Holder:
    holder.visitor.cookies.delete("syncline_session")
    return holder


def with_password(holder: Holder) -> Holder:
    holder.house.do(passwords.put, holder.user_id, HASH)
    return holder


def by_code(holder: Holder, page: str, target: str, kind: str, email: str, **fields: str) -> str:
    """Through the mail: what waits, and what follows must be one."""
    submit(holder, page, target, email=email, **fields)
    waits = kept(holder, kind)
    holder.visitor.submit("/auth/verify", code=holder.house.code(email))
    if kind == "reset":
        assert kept(holder, "new_password") == waits
        holder.visitor.submit("/auth/new-password", password="a different sentence 5")
    assert holder.visitor.answers[0].headers["location"] == waits
    return waits


def by_second_step(holder: Holder, target: str) -> str:
    secret, _ = holder.house.do(second_factor.set_up, holder.email)
    app = TOTP(secret)
    holder.house.do(second_factor.confirm, holder.user_id, secret, app.at(holder.house.core.now() - 30))
    submit(signed_out(with_password(holder)), "/sign-in", target, email=holder.email, password=PASSWORD)
    holder.visitor.submit("/auth/mfa", code=app.at(holder.house.core.now()))
    return led(holder)


def by_passkey(holder: Holder, target: str, then: str) -> str:
    device, visitor = Authenticator(), holder.visitor
    asked = visitor.post("/auth/account/passkeys/options").json()
    made = {"flow": asked["flow"], "credential": device.create(asked["options"])}
    assert visitor.post("/auth/account/passkeys/add", **made).status_code == 200
    asked = visitor.post("/auth/passkeys/options").json()
    answer = visitor.post(then, flow=asked["flow"], credential=device.get(asked["options"]), redirect=target)
    return str(answer.json()["location"])


def from_a_service(holder: Holder, target: str) -> str:
    signed_out(holder).visitor.get(f"/auth/sign-in?redirect={quote(target, safe='')}")
    profile, browser = Profile("acme", holder.user_id), holder.visitor.cookies["syncline_browser"]
    submit(holder, "/sign-in", target, "/oauth/acme/start")
    waits = kept(holder, "oauth")
    begun = holder.house.do(linking.begin_waiting, profile, "Acme", browser, waits)
    holder.visitor.get("/auth/sign-in")
    holder.visitor.submit("/auth/connect", flow=begun.id, email=f"new.{holder.email}", redirect=target)
    assert kept(holder, "connect") == waits
    return waits


def looking(holder: Holder, page: str, target: str) -> str:
    answer = holder.visitor.request("GET", f"/auth{page}", params={"redirect": target})
    return str(answer.headers["location"])


def in_the_form(holder: Holder, target: str, path: str) -> str:
    holder.visitor.get("/auth/account")
    holder.visitor.submit(path, redirect=target)
    return led(holder)


def connecting(holder: Holder, target: str) -> str:
    in_the_form(holder, target, "/auth/oauth/acme/start")
    return kept(holder, "oauth")


WAYS: dict[str, Callable[[Holder, str], str]] = {
    "sign-in, signed in already": lambda who, target: looking(who, "/sign-in", target),
    "sign-up, signed in already": lambda who, target: looking(who, "/sign-up", target),
    "sign-out, signed out already": lambda who, target: looking(signed_out(who), "/sign-out", target),
    "sign-out": lambda who, target: submit(who, "/sign-out", target),
    "sign-out, in the form": lambda who, target: in_the_form(who, target, "/auth/sign-out"),
    "password": lambda who, target: submit(
        signed_out(with_password(who)), "/sign-in", target, email=who.email, password=PASSWORD
    ),
    "second step": by_second_step,
    "code": lambda who, target: by_code(
        signed_out(who), "/sign-in", target, "sign_in", who.email, method="code"
    ),
    "sign-up": lambda who, target: by_code(
        signed_out(who), "/sign-up", target, "sign_up", f"new.{who.email}", password=PASSWORD
    ),
    "reset": lambda who, target: by_code(signed_out(who), "/reset", target, "reset", who.email),
    "service": from_a_service,
    "service, signed in already": connecting,
    "passkey": lambda who, target: by_passkey(who, target, "/auth/passkeys/sign-in"),
    "reverify by password": lambda who, target: submit(
        with_password(who), "/reverify", target, method="password", password=PASSWORD
    ),
    "reverify by code": lambda who, target: by_code(
        who, "/reverify", target, "reverify", who.email, method="email"
    ),
    "reverify by passkey": lambda who, target: by_passkey(who, target, "/auth/passkeys/reverify"),
}


@pytest.mark.parametrize("target", BAD)
def test_an_address_that_leads_away_is_none(home: House, target: str) -> None:
    assert safe_redirect(home.settings, target) == "/"


@pytest.mark.parametrize("way", WAYS)
def test_no_way_leads_to_another_site(home: House, way: str) -> None:
    for target in (*SOME, *GOOD):
        home.do(lambda core: core.file.change("DELETE FROM rates"))
        place = WAYS[way](Holder(home), target)
        assert place == (target if target in GOOD else "/"), target


def test_no_page_and_no_answer_has_such_an_address_in_it(home: House) -> None:
    """At whatever entry, as whoever, in the query or in a form."""
    holder = Holder(home)
    places = re.compile(r'(?:href|src|action|data-redirect|name="redirect" value)="([^"]*)"')
    for entry in ENTRIES:
        path = "/auth" + entry.path.replace("{provider}", "acme").format(**holder.things)
        for visitor in (Holder(home).visitor, home.visitor()):
            for target in ("//evil.example/x", "javascript:alert('evil')"):
                answers: list[httpx.Response] = []
                given = dict.fromkeys(
                    ("redirect", "redirect_uri", "return_to", "next", "url", "target"), target
                )
                if entry.get is not None:
                    answers.append(
                        visitor.request("GET", path, params=given, headers={"accept": "text/html"})
                    )
                if entry.form is not None:
                    visitor.get("/auth/sign-in?again=1")
                    visitor.submit(path, **given)
                    answers += visitor.answers
                if entry.json or entry.free:
                    answers.append(visitor.post(path, **given))
                for answer in answers:
                    found = [answer.headers.get("location", ""), *places.findall(answer.text)]
                    assert not [each for each in found if each.startswith(target.split("evil")[0])], (
                        path,
                        found,
                    )


def test_pages_of_the_application_come_back_to_themselves(home: House) -> None:
    for path in (
        "//evil.example/x",
        "/\\evil.example",
        "/%2F/evil.example",
        "/%5Cevil.example",
        "/notes?x=1&redirect=//evil.example",
    ):
        place = home.run(open_page(home, path))
        assert place.startswith("/auth/sign-in?redirect=")
        target = parse_qs(urlsplit(place).query)["redirect"][0]
        assert safe_redirect(home.settings, target) == (target if path.startswith("/notes") else "/")


async def open_page(home: House, path: str) -> str:
    """Where a page of the application sends who is not signed in. The path is as the server decodes it."""
    sent: list[Message] = []
    raw, _, query = path.partition("?")
    scope: Scope = {
        "type": "http", "http_version": "1.1", "method": "GET", "scheme": "http", "path": unquote(raw), "raw_path": raw.encode(),
        "query_string": query.encode(), "root_path": "", "headers": [(b"host", b"localhost:3210"), (b"accept", b"text/html")],
        "client": ("203.0.113.7", 1), "server": ("localhost", 3210),
    }  # fmt: skip

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
        await Response(status_code=401)(scope, receive, send)

    await home.provider.page_sessions.serve(refuse, scope, receive, send)
    location: bytes = dict(sent[0]["headers"])[b"location"]
    return location.decode()
