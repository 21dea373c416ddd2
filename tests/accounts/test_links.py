"""Links and codes of mails, of every kind: how long they are good, what uses them up, and what does not. Check S15."""

from __future__ import annotations

from collections.abc import Generator
from urllib.parse import parse_qsl, urlsplit

import pytest

from support.holders import Holder
from support.houses import CHEAP, PASSWORD, House, Visitor, house
from syncline.accounts import admission, linking
from syncline.accounts.oauth import Profile
from syncline.accounts.web.verify import PURPOSES
from syncline.auth import Accounts, EmailCode, Passkey

#: How long each kind is good, in minutes.
MINUTES = {"sign_in": 10, "sign_up": 10, "reset": 30, "add_email": 10, "reverify": 10, "connect": 10}
KINDS = sorted(MINUTES)
_WEEK = 7 * 24 * 3600


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Generator[House]:
    with house(
        tmp_path_factory.mktemp("links"), CHEAP, EmailCode(), Passkey(), Accounts(algorithm="ES256")
    ) as built:
        yield built


class Waiting:
    """Somebody to whom a mail of some kind can be sent, again and again."""

    def __init__(self, home: House, kind: str) -> None:
        holder = Holder(home)
        self._home, self._kind = home, kind
        self.visitor: Visitor = holder.visitor
        new = f"new.{holder.email}"
        self.to = new if kind in ("sign_up", "add_email", "connect") else holder.email
        if kind in ("sign_in", "sign_up", "reset", "connect"):
            self.visitor.cookies.delete("syncline_session")

    def send(self) -> None:
        """Ask for the mail; the browser waits for its code."""
        visitor = self.visitor
        match self._kind:
            case "sign_in":
                visitor.get("/auth/sign-in")
                visitor.submit("/auth/sign-in", email=self.to, method="code")
            case "sign_up":
                visitor.get("/auth/sign-up")
                visitor.submit("/auth/sign-up", email=self.to, password=PASSWORD)
            case "reset":
                visitor.get("/auth/reset")
                visitor.submit("/auth/reset", email=self.to)
            case "add_email":
                visitor.get("/auth/account")
                visitor.submit("/auth/account/emails", action="add", email=self.to)
            case "connect":
                visitor.get("/auth/sign-in")
                profile, browser = Profile("acme", self.to), visitor.cookies["syncline_browser"]
                begun = self._home.do(linking.begin_waiting, profile, "Acme", browser, "/")
                visitor.submit("/auth/connect", flow=begun.id, email=self.to)
            case _:
                visitor.get("/auth/reverify")
                visitor.submit("/auth/reverify", method="email")
        assert "enter the code" in visitor.last.text.lower(), visitor.last.text

    @property
    def link(self) -> str:
        assert self._home.mail(self.to).kind == self._kind
        return self._home.link(self.to)

    def use(self, link: str) -> int:
        """Press the button behind a link; the status of its answer."""
        self.visitor.get("/auth/sign-in?again=1")
        self.visitor.submit("/auth/link", **dict(parse_qsl(urlsplit(link).query)))
        return self.visitor.answers[0].status_code

    def enter(self, flow: str, code: str) -> int:
        self.visitor.get("/auth/sign-in?again=1")
        self.visitor.submit("/auth/verify", flow=flow, code=code)
        return self.visitor.answers[0].status_code


def test_every_kind_is_looked_at() -> None:
    assert set(MINUTES) == set(PURPOSES)


@pytest.mark.parametrize("kind", KINDS)
def test_a_link_that_scanners_opened_is_good_until_the_last_second(home: House, kind: str) -> None:
    waiting = Waiting(home, kind)
    waiting.send()
    link = waiting.link
    for _ in range(10):
        for browser in (waiting.visitor, home.visitor()):
            for method in ("GET", "HEAD"):
                answer = browser.request(method, link, headers={"accept": "text/html"})
                assert answer.status_code == 200
    home.clock.advance(60 * MINUTES[kind] - 1)
    before = waiting.visitor.cookies["syncline_browser"]
    assert waiting.use(link) == 303
    waiting.visitor.cookies.set("syncline_browser", before, domain="localhost.local", path="/")
    assert waiting.use(link) == 410


@pytest.mark.parametrize("kind", KINDS)
def test_a_link_and_a_code_are_over_after_their_minutes(home: House, kind: str) -> None:
    waiting = Waiting(home, kind)
    waiting.send()
    flow, code = waiting.visitor.hidden["flow"], home.code(waiting.to)
    home.clock.advance(60 * MINUTES[kind])
    assert waiting.use(waiting.link) == waiting.enter(flow, code) == 410


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_mail_voids_the_one_before(home: House, kind: str) -> None:
    waiting = Waiting(home, kind)
    waiting.send()
    flow, code, link = waiting.visitor.hidden["flow"], home.code(waiting.to), waiting.link
    waiting.send()
    assert waiting.use(link) == waiting.enter(flow, code) == 410
    assert waiting.use(waiting.link) == 303


@pytest.mark.parametrize("kind", KINDS)
def test_of_link_and_code_the_first_one_counts(home: House, kind: str) -> None:
    waiting = Waiting(home, kind)
    waiting.send()
    flow, code, link = waiting.visitor.hidden["flow"], home.code(waiting.to), waiting.link
    browser = waiting.visitor.cookies["syncline_browser"]
    assert waiting.enter(flow, code) == 303
    waiting.visitor.cookies.set("syncline_browser", browser, domain="localhost.local", path="/")
    assert waiting.use(link) == waiting.enter(flow, code) == 410


@pytest.mark.parametrize("kind", KINDS)
def test_five_wrong_codes_are_all_that_may_be_tried(home: House, kind: str) -> None:
    for wrong in (4, 5):
        waiting = Waiting(home, kind)
        waiting.send()
        flow, code, link = waiting.visitor.hidden["flow"], home.code(waiting.to), waiting.link
        other = f"{(int(code) + 1) % 1_000_000:06d}"
        assert [waiting.enter(flow, other) for _ in range(wrong)] == [400, 400, 400, 400, 410][:wrong]
        assert waiting.enter(flow, code) == (303 if wrong == 4 else 410)
        assert waiting.use(link) == 410


@pytest.mark.parametrize("kind", KINDS)
def test_secrets_of_mails_are_not_in_the_file(home: House, kind: str) -> None:
    waiting = Waiting(home, kind)
    waiting.send()
    token = dict(parse_qsl(urlsplit(waiting.link).query))["token"]
    assert len(token) == 43  # 256 bits.
    flow, code = waiting.visitor.hidden["flow"], home.code(waiting.to)
    row = home.do(lambda core: core.file.row("SELECT * FROM flows WHERE id = ?", flow))
    assert not [value for value in row or () if str(value) in (token, code) or token in str(value)]


def test_an_invitation_ends_after_a_week_however_often_it_was_opened(home: House) -> None:
    guest = Holder(home)
    own = guest.things["own_ticket"]
    for _ in range(10):
        for browser in (guest.visitor, home.visitor()):
            for method in ("GET", "HEAD"):
                assert browser.request(method, f"/auth/invitation?ticket={own}").status_code == 200
    home.clock.advance(_WEEK - 60)
    assert home.do(admission.find_invitation, own) is not None
    late = home.do(admission.invite, guest.email, locale="en")
    assert home.do(admission.find_invitation, own) is None  # The new one voids it.
    home.clock.advance(_WEEK)
    fresh = Holder(home)
    assert home.visitor().get(f"/auth/invitation?ticket={late}").status_code == 410
    fresh.visitor.get("/auth/account")
    assert fresh.visitor.submit("/auth/invitation", ticket=late).status_code == 410


def test_the_ticket_of_an_administrator_is_good_for_ten_minutes_and_once(home: House) -> None:
    holder, admin = Holder(home), home.visitor()

    def ticket() -> dict[str, str]:
        url = urlsplit(home.accounts.users.impersonate(holder.user_id))
        for method in ["GET", "HEAD"] * 10:
            assert admin.request(method, f"{url.path}?{url.query}").status_code == 200
        return dict(parse_qsl(url.query))

    def take(ticket: dict[str, str]) -> int:
        admin.get("/auth/sign-in?again=1")
        admin.submit("/auth/impersonate", **ticket)
        return admin.answers[0].status_code

    first, second = ticket(), ticket()
    home.clock.advance(599)
    assert (take(first), take(first)) == (303, 410)
    home.clock.advance(1)
    assert take(second) == 410
