"""Mails and webhooks: outboxes, retries, signatures. Checks S12 (mail is queued), S15 (links), S38, S39."""

from __future__ import annotations

import base64
import hmac
import json
import socket
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import Envelope

from support.houses import CHEAP, House, house
from support.receivers import Receiver
from syncline.accounts import AccountSettings
from syncline.accounts.mail.outbox import Mail
from syncline.accounts.mail.sender import check_mail_settings
from syncline.accounts.mail.smtp import as_message
from syncline.accounts.mail.transport import PermanentError
from syncline.accounts.webhooks import sign
from syncline.auth import Accounts, EmailCode
from syncline.kernel.errors import SetupError


class Box:
    """A mail server's mailbox."""

    def __init__(self) -> None:
        self.mails: list[Envelope] = []
        self.refuse = ""

    async def handle_RCPT(
        self, server: object, session: object, envelope: Envelope, address: str, options: object
    ) -> str:
        if self.refuse:
            return self.refuse
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: object, session: object, envelope: Envelope) -> str:
        self.mails.append(envelope)
        return "250 OK"


@pytest.fixture
def mail_server() -> Iterator[tuple[Box, str]]:
    box = Box()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    yield box, f"smtp+insecure://127.0.0.1:{port}"
    controller.stop()


def ask(built: House, email: str = "ann@example.com") -> None:
    visitor = built.visitor()
    visitor.get("/auth/sign-up")
    visitor.submit("/auth/sign-up", email=email, password="a quite long password")


def test_a_mail_goes_by_smtp_and_is_then_forgotten(tmp_path: Path, mail_server: tuple[Box, str]) -> None:
    box, url = mail_server
    with house(
        tmp_path, CHEAP, EmailCode(), Accounts(name="Acmé", algorithm="ES256"), url="https://example.com", production=True,
        mail_url=url, mail_from="Acmé <hello@example.com>",
    ) as built:  # fmt: skip
        ask(built)
        assert box.mails == []  # Nobody waited for the mail server.
        code = built.code("ann@example.com")
        assert built.run(built.provider.mailer.send_due()) == 1
        [envelope] = box.mails
        assert envelope.rcpt_tos == ["ann@example.com"]
        assert envelope.mail_from == "hello@example.com"
        content = envelope.content
        assert isinstance(content, bytes) and b"multipart/alternative" in content
        assert built.mail("ann@example.com").text == ""
        assert code.encode() not in built.do(
            lambda core: b"".join(str(r).encode() for r in core.file.rows("SELECT * FROM mails"))
        )


def test_what_fails_is_tried_again_later_and_later(
    tmp_path: Path, mail_server: tuple[Box, str], caplog: pytest.LogCaptureFixture
) -> None:
    box, url = mail_server
    with house(
        tmp_path, CHEAP, EmailCode(), Accounts(algorithm="ES256"), mail_url=url, mail_from="hello@example.com"
    ) as built:
        ask(built)
        box.refuse = "450 later, please"
        assert built.run(built.provider.mailer.send_due()) == 1
        assert built.run(built.provider.mailer.send_due()) == 0
        built.clock.advance(16)
        assert built.run(built.provider.mailer.send_due()) == 1
        built.clock.advance(16)
        assert built.run(built.provider.mailer.send_due()) == 0
        box.refuse = ""
        built.clock.advance(16)
        assert built.run(built.provider.mailer.send_due()) == 1
        assert len(box.mails) == 1
        assert built.code("ann@example.com") not in caplog.text
        box.refuse = "550 there is nobody here"
        ask(built, "nobody@example.com")
        assert built.run(built.provider.mailer.send_due()) == 1
        built.clock.advance(86400)
        assert built.run(built.provider.mailer.send_due()) == 0
        assert "is given up" in caplog.text


def test_a_mail_that_cannot_be_sent_does_not_hold_up_the_next(tmp_path: Path) -> None:
    sent: list[str] = []

    async def transport(mail: Mail) -> None:
        if mail.to == "ann@example.com":
            raise PermanentError("no")
        sent.append(mail.to)

    with house(tmp_path, CHEAP, EmailCode(), Accounts(algorithm="ES256"), transport=transport) as built:
        ask(built, "ann@example.com")
        ask(built, "bob@example.com")
        built.run(built.provider.mailer.send_due())
        assert sent == ["bob@example.com"]


def test_headers_cannot_be_smuggled_in() -> None:
    with pytest.raises(ValueError):
        as_message(Mail(1, 0, "x", "ann@example.com\r\nbcc: eve@example.com", "s", "t", "h"), "a@example.com")


def test_links_in_mails_lead_to_the_configured_address(tmp_path: Path) -> None:
    with house(
        tmp_path, CHEAP, EmailCode(), Accounts(algorithm="ES256"), url="https://app.example.com"
    ) as built:
        visitor = built.visitor()
        visitor.get("/auth/sign-up", host="evil.example", **{"x-forwarded-host": "evil.example"})
        visitor.submit("/auth/sign-up", email="ann@example.com", password="a quite long password")
        mail = built.mail("ann@example.com")
        assert "https://app.example.com/auth/link?" in mail.text
        assert "evil.example" not in mail.text + mail.html


def test_names_are_text_in_mails(house: House) -> None:
    visitor = house.sign_up("ann@example.com", name="<b>{{ 7*7 }}</b>")
    visitor.get("/auth/organizations")
    visitor.submit("/auth/organizations", action="create", name="{{ settings }}<script>")
    session = visitor.session()
    assert session is not None
    path = f"/auth/organizations/{session['organization']}"
    visitor.get(path)
    visitor.submit(path, action="invite", email="bob@example.com", role="member")
    mail = house.mail("bob@example.com")
    assert "<script>" not in mail.html and "&lt;script&gt;" in mail.html
    assert (
        "{{ 7*7 }}" in mail.text and "<b>49" not in mail.text
    )  # The link of the mail may well have 49 in it.


@pytest.mark.parametrize(
    ("url", "sender", "complaint"),
    [
        ("mail.example.com", "a@example.com", "is no address of a mail server"),
        ("ftp://mail.example.com", "a@example.com", "is no address of a mail server"),
        ("smtp://", "a@example.com", "is no address of a mail server"),
        ("smtps://mail.example.com:x", "a@example.com", "is no address of a mail server"),
        ("smtp+insecure://mail.example.com", "a@example.com", "anybody on the way can read"),
        ("smtps://mail.example.com", "nobody", "which is no sender"),
    ],
)
def test_a_mail_server_that_cannot_be_is_refused_at_the_start(url: str, sender: str, complaint: str) -> None:
    settings = AccountSettings((EmailCode(),), "https://x.example", True, mail_url=url, mail_from=sender)
    with pytest.raises(SetupError, match=complaint):
        check_mail_settings(settings)


def test_an_event_is_delivered_signed_and_tried_again(house: House, receiver: Receiver) -> None:
    url, got, statuses = receiver.url, receiver.got, receiver.statuses
    hook = house.accounts.webhooks.create(url, ["user.*"])
    house.accounts.users.create(email="ann@example.com")
    statuses.append(500)
    assert house.run(house.provider.webhooks.deliver_due()) == 1
    assert house.run(house.provider.webhooks.deliver_due()) == 0
    house.clock.advance(6)
    assert house.run(house.provider.webhooks.deliver_due()) == 1
    (first, body), (second, again) = got
    assert first["webhook-id"] == second["svix-id"] and body == again
    key = base64.b64decode(hook.secret.removeprefix("whsec_"))
    signed = f"{second['svix-id']}.{second['svix-timestamp']}.".encode() + body
    assert second["svix-signature"] == "v1," + base64.b64encode(hmac.digest(key, signed, sha256)).decode()
    event = json.loads(body)
    assert event["type"] == "user.created" and event["data"]["email"] == "ann@example.com"
    [delivery] = house.accounts.webhooks.deliveries(hook.id)
    assert delivery.delivered_at and delivery.tries == 2
    house.accounts.webhooks.replay(hook.id, delivery.id)
    assert house.run(house.provider.webhooks.deliver_due()) == 1
    assert len(got) == 3


def test_only_wanted_events_are_delivered_and_nothing_after_the_end(house: House, receiver: Receiver) -> None:
    url, got = receiver.url, receiver.got
    hook = house.accounts.webhooks.create(url, ["session.created"])
    house.sign_up("ann@example.com")
    house.run(house.provider.webhooks.deliver_due())
    assert [json.loads(body)["type"] for _, body in got] == ["session.created"]
    house.accounts.webhooks.delete(hook.id)
    house.sign_up("bob@example.com")
    assert house.run(house.provider.webhooks.deliver_due()) == 0


def test_the_signature_is_the_one_of_the_standard() -> None:
    # The example of the Standard Webhooks specification.
    headers = sign(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        '{"test": 2432232314}',
    )
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
