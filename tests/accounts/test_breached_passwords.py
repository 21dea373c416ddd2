"""The operator's list of passwords from breaches. Check S19."""

from __future__ import annotations

import logging
from hashlib import sha1
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.houses import CHEAP, House
from syncline.accounts.breached_passwords import check_file, is_breached
from syncline.accounts.passwords import Hasher
from syncline.auth import Accounts
from syncline.kernel.errors import SetupError
from syncline.server.accounts import account_settings
from syncline.server.settings import Mode, Settings

LEAKED = "a sentence that leaked 41"


def digest(password: str) -> str:
    return sha1(password.encode(), usedforsecurity=False).hexdigest().upper()


def write(path: Path, *passwords: str, end: str = "\r\n") -> Path:
    lines = sorted(digest(password) for password in passwords)
    path.write_text("".join(f"{line}:{7 * number}{end}" for number, line in enumerate(lines, 1)), newline="")
    return path


@given(
    listed=st.sets(st.text(min_size=1, max_size=8).filter(str.isascii), min_size=1, max_size=60),
    asked=st.sets(st.text(min_size=1, max_size=8).filter(str.isascii), max_size=20),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_a_list_is_searched_where_it_is(
    tmp_path_factory: pytest.TempPathFactory, listed: set[str], asked: set[str], end: str
) -> None:
    path = write(tmp_path_factory.getbasetemp() / "list.txt", *listed, end=end)
    check_file(path)
    assert all(is_breached(path, password) for password in listed)
    assert [password for password in asked if is_breached(path, password)] == [
        password for password in asked if password in listed
    ]


def test_new_passwords_from_the_list_are_refused_and_old_ones_still_sign_in(tmp_path: Path) -> None:
    path = write(tmp_path / "list.txt", LEAKED, "another")
    house = House(tmp_path, CHEAP, Accounts(algorithm="ES256"))
    house.sign_up("bob@example.com", LEAKED)
    house.provider.hasher = Hasher(CHEAP, path)
    ann = house.visitor()
    ann.get("/auth/sign-up")
    ann.submit("/auth/sign-up", email="ann@example.com", password=LEAKED)
    assert "attackers try first" in ann.alert
    assert house.mails("ann@example.com") == []
    bob = house.visitor()
    bob.sign_in("bob@example.com", LEAKED)
    assert bob.session() is not None
    house.close()


def test_a_list_that_is_gone_refuses_nobody_and_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert not is_breached(tmp_path / "gone.txt", LEAKED)
    assert "passwords are not looked up" in caplog.text and LEAKED not in caplog.text


def test_the_server_starts_with_a_list_and_not_with_something_else(tmp_path: Path) -> None:
    settings = Settings(backend=tmp_path, data=tmp_path)
    path = write(tmp_path / "list.txt", LEAKED)
    found = account_settings(settings, Mode.DEV, None, {"SYNCLINE_BREACHED_PASSWORDS": str(path)})
    assert found.breached_passwords == path
    path.write_text("123456\n")
    with pytest.raises(SetupError, match="is no list of SHA-1 hashes"):
        account_settings(settings, Mode.DEV, None, {"SYNCLINE_BREACHED_PASSWORDS": str(path)})
    path.unlink()
    with pytest.raises(SetupError, match="cannot be read: No such file"):
        account_settings(settings, Mode.DEV, None, {"SYNCLINE_BREACHED_PASSWORDS": str(path)})
