"""The admin key and the key of the data."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from syncline.http import check_key
from syncline.kernel.clock import SeededEntropy, SystemEntropy
from syncline.kernel.errors import SetupError
from syncline.server.admin_key import instance_name, load_admin_key, read_admin_key
from syncline.server.data_key import read_data_key


def test_the_admin_key_is_made_once_and_is_its_owners_alone(tmp_path: Path) -> None:
    assert read_admin_key(tmp_path, {}) is None
    key = load_admin_key(tmp_path, {}, SystemEntropy())
    name, _, secret = key.partition("|")
    assert name == "syncline" and len(bytes.fromhex(secret)) == 32
    assert stat.S_IMODE((tmp_path / "admin_key").stat().st_mode) == 0o600
    assert load_admin_key(tmp_path, {}, SystemEntropy()) == key == read_admin_key(tmp_path, {})


def test_the_environment_sets_the_admin_key_and_nothing_is_written(tmp_path: Path) -> None:
    key = "acme|" + "0f" * 16
    assert load_admin_key(tmp_path, {"SYNCLINE_ADMIN_KEY": key}, SeededEntropy()) == key
    assert instance_name(key) == "acme"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "key", ["", "secret", "name|short", "name|with:a:colon:in:it:", "a b|" + "x" * 20, "|" + "x" * 20]
)
def test_a_key_of_another_form_is_refused(tmp_path: Path, key: str) -> None:
    (tmp_path / "admin_key").write_text(key)
    with pytest.raises(SetupError, match=r"holds no admin key: it must be NAME\|SECRET"):
        read_admin_key(tmp_path, {})


def test_only_the_whole_key_is_the_key() -> None:
    key = "syncline|0123456789abcdef"
    assert check_key(key, key) and check_key(f"prod:{key}", key) and check_key(f"dev:{key}", key)
    for wrong in (
        "",
        "|",
        "syncline",
        key[:-1],
        key + "0",
        key.upper(),
        f"{key}:",
        "ö|0123456789abcdef",
        "\udc00|x",
    ):
        assert not check_key(wrong, key)


def test_the_data_key_is_64_hexadecimal_digits() -> None:
    assert read_data_key({}) is None
    assert read_data_key({"SYNCLINE_DATA_KEY": "ab" * 32}) == b"\xab" * 32
    for wrong in ("ab", "zz" * 32, "ab" * 33):
        with pytest.raises(SetupError, match="must be 64 hexadecimal digits"):
            read_data_key({"SYNCLINE_DATA_KEY": wrong})
