"""Who the functions say is calling."""

import pytest
from syncline import UnauthenticatedError
from syncline.testing import Backend

from backend import account


def test_callers_learn_who_they_are(backend: Backend) -> None:
    ada = backend.signed_in("ada", email="ada@example.com")
    assert ada.query(account.whoami)["subject"] == "ada"
    assert ada.query(account.whoami)["email"] == "ada@example.com"


def test_nobody_else_has_an_account(backend: Backend) -> None:
    with pytest.raises(UnauthenticatedError):
        backend.query(account.whoami)
