"""Accounts in tests of applications: `backend.sign_up` and `backend.mail`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.applications import write_application
from syncline.functions import load_application
from syncline.testing import Backend

APP = """
    from syncline import App
    from syncline.auth import Accounts, EmailCode, Password

    app = App(auth=[Password(), EmailCode(), Accounts(name="Orchard", blocked=["@evil.example"])])
"""


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[Backend]:
    release = load_application(write_application(tmp_path, app=APP))
    built = Backend(release)
    yield built
    built.close()
    release.modules.close()


def test_people_of_a_test_are_who_their_tokens_say(backend: Backend) -> None:
    ann = backend.sign_up("Ann@example.com", name="Ann", organization="Acme")
    bob = backend.sign_up("bob@example.com", organization="Acme")
    assert ann.identity is not None and bob.identity is not None
    assert (ann.identity.email, ann.identity.email_verified, ann.identity.name) == (
        "Ann@example.com",
        True,
        "Ann",
    )
    assert ann.identity.issuer == "http://localhost:3210/auth"
    assert ann.identity.subject != bob.identity.subject
    assert ann.identity.claims["o"]["rol"] == "admin"
    assert bob.identity.claims["o"] == {**ann.identity.claims["o"], "rol": "member"}


def test_mails_are_seen(backend: Backend) -> None:
    assert backend.mail == []
    backend.sign_up("ann@example.com")
    [mail] = backend.mail
    assert (mail.kind, mail.to) == ("sign_up", "ann@example.com")
    assert "is your code for Orchard" in mail.subject


def test_who_cannot_sign_up_is_said_why(backend: Backend, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="This address cannot be used here"):
        backend.sign_up("eve@evil.example")
    backend.sign_up("ann@example.com")
    with pytest.raises(AssertionError, match="it has an account already"):
        backend.sign_up("ann@example.com")


def test_an_application_without_accounts_says_so(tmp_path: Path) -> None:
    release = load_application(write_application(tmp_path, things=""))
    built = Backend(release)
    with pytest.raises(AssertionError, match="none of its ways to sign in"):
        built.sign_up("ann@example.com")
    built.close()
    release.modules.close()
