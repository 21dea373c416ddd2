"""Mails that are posted to somebody else's API. Checks S38, S39."""

from __future__ import annotations

import base64
import hmac
import json
import re
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from support.houses import CHEAP, House, house
from support.receivers import Receiver
from syncline.accounts import AccountSettings
from syncline.accounts.mail.sender import check_mail_settings
from syncline.auth import Accounts, EmailCode
from syncline.kernel.errors import SetupError

KEY = bytes(range(32))
SECRET = "whsec_" + base64.b64encode(KEY).decode()


@pytest.fixture
def posting(receiver: Receiver, tmp_path: Path) -> Iterator[House]:
    """In production, whose mails go to a receiver on this machine."""
    with house(
        tmp_path, CHEAP, EmailCode(), Accounts(name="Acmé", algorithm="ES256"), url="https://example.com", production=True,
        mail_url=f"{receiver.url}?key=in-the-address", mail_from="Acmé <hello@example.com>", mail_secret=SECRET,
    ) as built:  # fmt: skip
        yield built


def ask(built: House, email: str = "ann@example.com") -> str:
    """Somebody signs up: the code of the mail that waits."""
    visitor = built.visitor()
    visitor.get("/auth/sign-up")
    visitor.submit("/auth/sign-up", email=email, password="a quite long password")
    return built.code(email)


def test_a_mail_is_posted_whole_and_signed_and_then_forgotten(posting: House, receiver: Receiver) -> None:
    code = ask(posting)
    assert receiver.got == []  # Nobody waited for the receiver.
    assert posting.run(posting.provider.mailer.send_due()) == 1
    [(headers, body)] = receiver.got
    mail = json.loads(body)
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    signature = "v1," + base64.b64encode(hmac.digest(KEY, signed, sha256)).decode()
    assert headers["webhook-signature"] == headers["svix-signature"] == signature
    assert int(headers["webhook-timestamp"]) == posting.core.now()
    assert headers["content-type"] == "application/json"
    assert mail.pop("id") == headers["webhook-id"]
    text, page = mail.pop("text"), mail.pop("html")
    assert code in text and code in page and page.startswith("<!doctype html>")
    assert mail == {
        "kind": "sign_up",
        "to": "ann@example.com",
        "from": "Acmé <hello@example.com>",
        "subject": f"{code} is your code for Acmé",
        "created_at": posting.core.now() * 1000,
    }
    assert posting.mail("ann@example.com").text == ""


def test_a_mail_has_one_id_however_often_it_is_posted(posting: House, receiver: Receiver) -> None:
    ask(posting)
    receiver.statuses += [503, 401, 302]
    for _ in range(4):
        assert posting.run(posting.provider.mailer.send_due()) == 1
        posting.clock.advance(70)
    assert posting.run(posting.provider.mailer.send_due()) == 0
    assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 1 and len(receiver.got) == 4
    # Each with a time of its own: old requests cannot be sent again by others.
    assert len({headers["webhook-timestamp"] for headers, _ in receiver.got}) == 4
    ask(posting, "bob@example.com")
    assert posting.run(posting.provider.mailer.send_due()) == 1
    assert receiver.got[-1][0]["webhook-id"] != receiver.got[0][0]["webhook-id"]


@pytest.mark.parametrize("status", [410, 422])
def test_a_mail_that_the_receiver_refuses_for_good_is_not_posted_again(
    posting: House, receiver: Receiver, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    code = ask(posting)
    receiver.statuses.append(status)
    posting.run(posting.provider.mailer.send_due())
    posting.clock.advance(86400)
    assert posting.run(posting.provider.mailer.send_due()) == 0
    assert f"is given up: PermanentError: the receiver answered with status {status}" in caplog.text
    for secret in (code, SECRET, "in-the-address", "whsec_"):
        assert secret not in caplog.text


def test_a_receiver_that_is_away_is_tried_again(
    posting: House, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ask(posting)

    def nowhere(address: str) -> bool:
        return False

    monkeypatch.setattr("syncline.accounts.outgoing.is_own_machine_or_network", nowhere)
    assert posting.run(posting.provider.mailer.send_due()) == 1
    monkeypatch.undo()
    assert re.search(r"tried again: OutgoingError: 127.0.0.1 is at an address", caplog.text)
    assert "in-the-address" not in caplog.text
    posting.clock.advance(16)
    assert posting.run(posting.provider.mailer.send_due()) == 1
    assert len(receiver.got) == 1


def test_secrets_are_in_no_description_of_the_settings() -> None:
    settings = AccountSettings(
        (EmailCode(),), "https://x.example", True, mail_url="smtps://u:hidden@h", mail_secret=SECRET
    )
    assert "hidden" not in repr(settings) and SECRET not in repr(settings)


@pytest.mark.parametrize(
    ("url", "secret", "complaint"),
    [
        (
            "https://mails.example.com/send",
            "",
            "SYNCLINE_MAIL_SECRET is not set: the receiver could not know",
        ),
        (
            "https://mails.example.com/send",
            "whsec_c2hvcnQ=",
            "SYNCLINE_MAIL_SECRET is no secret of this kind",
        ),
        ("https://mails.example.com/send", "whsec_ä", "SYNCLINE_MAIL_SECRET is no secret of this kind"),
        ("https://user:password@mails.example.com/", SECRET, "names a user or a password"),
        ("http://mails.example.com/send", SECRET, "anybody on the way can read the codes"),
        ("https:///send", SECRET, "is no address of a mail server"),
    ],
)
def test_a_receiver_that_cannot_be_is_refused_at_the_start(url: str, secret: str, complaint: str) -> None:
    settings = AccountSettings(
        (EmailCode(),), "https://x.example", True, mail_url=url, mail_from="a@example.com", mail_secret=secret
    )
    with pytest.raises(SetupError, match=complaint) as raised:
        check_mail_settings(settings)
    assert "password@mails" not in str(raised.value) and "c2hvcnQ" not in str(raised.value)


@pytest.mark.parametrize(
    "url", ["https://mails.example.com/send", "http://localhost:8025/", "http://[::1]:8025/"]
)
def test_a_receiver_may_be_in_ones_own_network(url: str) -> None:
    check_mail_settings(
        AccountSettings(
            (EmailCode(),),
            "https://x.example",
            True,
            mail_url=url,
            mail_from="a@example.com",
            mail_secret=SECRET,
        )
    )
