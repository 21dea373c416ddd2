"""Bytes in storage: written in any pieces, read in any part, sealed or not, taken up again, refused when changed."""

from __future__ import annotations

import hashlib
import os
import resource
import signal
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncline.files import FileMissingError, LocalBlobs, StorageFailedError, StorageFullError, Vault
from syncline.files.sealing import CHUNK, sealed_size

KEY = bytes(range(32))
NAME = "0123456789abcdef0123456789abcdef"


def vault_in(folder: Path, key: bytes | None) -> Vault:
    return Vault(folder / "partial", LocalBlobs(folder), key)


def put(vault: Vault, content: bytes, name: str = NAME) -> None:
    upload = vault.begin(name)
    upload.write(content)
    stored = upload.finish()
    assert (stored.size, stored.sha256) == (len(content), hashlib.sha256(content).hexdigest())


sizes = st.sampled_from([0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK + 17])


@pytest.mark.parametrize("key", [None, KEY], ids=["plain", "sealed"])
@settings(max_examples=40, deadline=None)
@given(
    size=sizes,
    cuts=st.lists(st.integers(0, 4 * CHUNK), max_size=5),
    part=st.tuples(st.integers(0, 4 * CHUNK), st.integers(0, 4 * CHUNK)),
)
def test_what_was_written_in_pieces_is_read_in_parts(
    tmp_path_factory: pytest.TempPathFactory,
    key: bytes | None,
    size: int,
    cuts: list[int],
    part: tuple[int, int],
) -> None:
    folder = tmp_path_factory.mktemp("files")
    content = bytes(index % 251 for index in range(size))
    edges = [0, *sorted(min(cut, size) for cut in cuts), size]
    vault = vault_in(folder, key)
    upload = vault.begin(NAME)
    for start, stop in pairwise(edges):
        upload.write(content[start:stop])
    assert upload.finish().sha256 == hashlib.sha256(content).hexdigest()
    start, length = min(part[0], size), part[1]
    length = min(length, size - start)
    assert b"".join(vault.read(NAME, size, start, length)) == content[start : start + length]
    assert b"".join(vault.read(NAME, size)) == content
    [file] = [file for file in folder.rglob("*") if file.is_file()]
    assert file.stat().st_size == (size if key is None else sealed_size(size))
    if key is not None and size > 100:
        assert content[:100] not in file.read_bytes()


@pytest.mark.parametrize("key", [None, KEY], ids=["plain", "sealed"])
@settings(max_examples=25, deadline=None)
@given(pieces=st.lists(st.integers(0, 2 * CHUNK), max_size=5))
def test_an_upload_is_taken_up_where_it_was_put_down(
    tmp_path_factory: pytest.TempPathFactory, key: bytes | None, pieces: list[int]
) -> None:
    content = os.urandom(sum(pieces))
    vault = vault_in(tmp_path_factory.mktemp("files"), key)
    sent = 0
    for piece in pieces:
        upload = vault.begin(NAME)
        assert upload.size <= sent and (key is None) <= (upload.size == sent)
        upload.write(content[upload.size : sent + piece])
        sent += piece
        assert upload.suspend() == vault.offset(NAME)
    upload = vault.begin(NAME)
    upload.write(content[upload.size :])
    stored = upload.finish()
    assert stored.sha256 == hashlib.sha256(content).hexdigest()
    assert b"".join(vault.read(NAME, stored.size)) == content
    assert vault.offset(NAME) is None


@pytest.mark.parametrize("change", ["flip", "cut", "swap", "append", "other key"])
def test_a_sealed_file_that_was_changed_is_not_served(tmp_path: Path, change: str) -> None:
    content = os.urandom(3 * CHUNK)
    put(vault_in(tmp_path, KEY), content)
    file = tmp_path / NAME[:2] / NAME
    raw = bytearray(file.read_bytes())
    step = CHUNK + 16
    if change == "flip":
        raw[100_000] ^= 1
    elif change == "cut":
        del raw[20 + 2 * step :]
    elif change == "swap":
        raw[20 : 20 + 2 * step] = raw[20 + step : 20 + 2 * step] + raw[20 : 20 + step]
    elif change == "append":
        raw += raw[-step:]
    file.write_bytes(raw)
    key = bytes(32) if change == "other key" else KEY
    size = len(content) + (CHUNK if change == "append" else 0)
    with pytest.raises((StorageFailedError, FileMissingError)):
        b"".join(vault_in(tmp_path, key).read(NAME, size))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileMissingError, match=f"the file {NAME} is not in"):
        b"".join(vault_in(tmp_path, None).read(NAME, 5))
    with pytest.raises(ValueError, match="is not the name of a blob"):
        vault_in(tmp_path, None).delete("../../etc/passwd")


@pytest.mark.parametrize("key", [None, KEY], ids=["plain", "sealed"])
def test_a_full_disk_is_said_and_leaves_nothing(tmp_path: Path, key: bytes | None) -> None:
    vault = vault_in(tmp_path, key)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    upload = vault.begin(NAME)
    # A real refusal of the operating system: files may not grow beyond this.
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
    try:
        with pytest.raises(StorageFailedError, match="the file cannot be written to"):
            upload.write(os.urandom(400_000))
        upload.abort()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert not [file for file in tmp_path.rglob("*") if file.is_file()]


def test_no_room_is_told_apart_from_other_failures(tmp_path: Path) -> None:
    vault = vault_in(tmp_path, None)
    (tmp_path / "partial").mkdir()
    (tmp_path / "partial" / NAME).symlink_to("/dev/full")
    upload = vault.begin(NAME)
    with pytest.raises(StorageFullError, match="there is no room for the file") as caught:
        upload.write(b"x")
    assert caught.value.retry_after == 60


def test_uploads_that_nobody_goes_on_with_are_forgotten(tmp_path: Path) -> None:
    vault = vault_in(tmp_path, None)
    upload = vault.begin(NAME)
    upload.write(b"abc")
    upload.suspend()
    assert vault.forget_older(0) == 0 and vault.offset(NAME) == 3
    assert vault.forget_older(10**12) == 1 and vault.offset(NAME) is None
