"""Data at rest under a key."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.stores import TABLE, commit, document_id, open_store, put
from syncline.kernel.errors import SetupError
from syncline.store import WrongKeyError, parse_key

KEY = bytes(range(32))
OTHER = bytes(range(1, 33))
MARKER = b"a sentence that must not be readable"


def test_no_file_of_an_encrypted_store_holds_plaintext(tmp_path: Path) -> None:
    with open_store(tmp_path, key=KEY) as store:
        store.add_table("a_table_name_that_must_not_be_readable")
        commit(store, *[put(number, MARKER) for number in range(200)])
        names = {path.name for path in tmp_path.iterdir()}
        assert {"syncline.db", "syncline.db-wal"} <= names
        files = [path.read_bytes() for path in tmp_path.iterdir() if path.name != "syncline.db-shm"]
    files += [path.read_bytes() for path in tmp_path.iterdir()]
    assert not any(
        b"must not be readable" in content or b"must_not_be_readable" in content for content in files
    )
    assert not (tmp_path / "syncline.db").read_bytes().startswith(b"SQLite")


def test_an_unencrypted_store_does_hold_plaintext(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        commit(store, put(1, MARKER))
        assert MARKER in (tmp_path / "syncline.db-wal").read_bytes()


def test_encrypted_data_is_there_again_with_its_key(tmp_path: Path) -> None:
    with open_store(tmp_path, key=KEY) as store:
        ts = commit(store, put(1, MARKER))
    with open_store(tmp_path, key=KEY) as store:
        reader = store.reader()
        assert reader.begin() == ts
        assert reader.get(TABLE, document_id(1)) == (ts, 1, MARKER)
        assert store.check() == []


def test_another_key_does_not_open_it(tmp_path: Path) -> None:
    open_store(tmp_path, key=KEY).close()
    with pytest.raises(WrongKeyError) as caught:
        open_store(tmp_path, key=OTHER)
    assert "syncline.db does not open with this encryption key" in str(caught.value)
    assert "help: give the key that the data was made with; without it the data cannot be read" in str(
        caught.value
    )
    assert OTHER.hex() not in str(caught.value)


def test_no_key_does_not_open_it(tmp_path: Path) -> None:
    open_store(tmp_path, key=KEY).close()
    with pytest.raises(
        WrongKeyError, match=r"is encrypted, or damaged at its start\n  help: give the encryption key"
    ):
        open_store(tmp_path)


def test_a_key_for_unencrypted_data_is_refused(tmp_path: Path) -> None:
    open_store(tmp_path).close()
    with pytest.raises(WrongKeyError, match="is not encrypted, but an encryption key was given"):
        open_store(tmp_path, key=KEY)
    open_store(tmp_path).close()  # and is still what it was


def test_a_flipped_bit_is_noticed(tmp_path: Path) -> None:
    with open_store(tmp_path, key=KEY) as store:
        commit(store, *[put(number, MARKER) for number in range(500)])
    path = tmp_path / "syncline.db"
    content = bytearray(path.read_bytes())
    content[len(content) * 3 // 4] ^= 1
    path.write_bytes(content)
    with open_store(tmp_path, key=KEY) as store:
        assert any("SQLite: " in problem for problem in store.check())


def test_a_key_is_read_from_hexadecimal_digits() -> None:
    assert parse_key(f" {KEY.hex().upper()}\n") == KEY


@pytest.mark.parametrize("text", ["", "abcd", "g" * 64, KEY.hex() + "00"])
def test_a_malformed_key_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(SetupError, match="an encryption key is 64 hexadecimal digits") as caught:
        parse_key(text)
    assert "secrets.token_hex(32)" in str(caught.value)
    assert not text or text not in str(caught.value)
