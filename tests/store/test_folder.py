"""Opening a data folder: what can be wrong with it, and what the errors say."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.stores import TABLE, commit, document_id, open_store, put
from syncline.kernel.clock import FakeClock
from syncline.store import (
    CorruptDataError,
    FolderLockedError,
    FolderUnusableError,
    NewerDataError,
    Store,
    WrongKeyError,
)
from syncline.store.sqlite import open_connection


def test_a_missing_folder_is_made_for_its_owner_only(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "data"
    with open_store(folder):
        assert folder.stat().st_mode & 0o777 == 0o700


def test_data_is_there_again_after_reopening(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        table = store.add_table("notes")
        ts = commit(store, put(1, b"one"))
    with open_store(tmp_path) as store:
        assert store.tables() == [table]
        assert store.head == ts
        assert store.writer_reader().get(TABLE, document_id(1)) == (ts, 1, b"one")


def test_timestamps_do_not_go_back_across_reopening(tmp_path: Path) -> None:
    clock = FakeClock()
    with Store.open(tmp_path, clock=clock) as store:
        head = commit(store, put(1))
    clock.jump(1_000_000_000)
    with Store.open(tmp_path, clock=clock) as store:
        assert store.head == head
        assert store.next_ts() == head + 1
        assert commit(store, put(1)) == head + 2


def test_a_locked_folder_names_its_holder(tmp_path: Path) -> None:
    with open_store(tmp_path), pytest.raises(FolderLockedError) as caught:
        open_store(tmp_path)
    assert f"the data folder {tmp_path} is in use by process {os.getpid()} (" in str(caught.value)
    assert "help: stop that process, or give this one a folder of its own with --data" in str(caught.value)
    open_store(tmp_path).close()


def test_a_folder_locked_by_another_process_names_its_command(tmp_path: Path) -> None:
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "from syncline.kernel.clock import SystemClock\n"
        "from syncline.store import Store\n"
        "store = Store.open(Path(sys.argv[1]), clock=SystemClock())\n"
        "print('open', flush=True)\n"
        "sys.stdin.read()\n"
    )
    file = tmp_path / "holder.py"
    file.write_text(script)
    data = tmp_path / "data"
    with subprocess.Popen(
        [sys.executable, file, data, "--flag"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "open\n"
        with pytest.raises(FolderLockedError) as caught:
            open_store(data)
        assert f"in use by process {holder.pid} (holder.py {data} --flag)" in str(caught.value)
        holder.kill()
    open_store(data).close()  # a lock ends with its process


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "data"
    file.write_text("not a folder")
    with pytest.raises(
        FolderUnusableError, match=f"the data folder {file} is not a folder\n  help: name a folder"
    ):
        open_store(file)
    with pytest.raises(FolderUnusableError, match="is not a folder"):
        open_store(file / "below")


def test_a_folder_that_may_not_be_made_is_refused() -> None:
    with pytest.raises(
        FolderUnusableError, match=r"the data folder /proc/syncline cannot be used: .*\n  help: "
    ):
        open_store(Path("/proc/syncline"))


def test_a_folder_of_another_user_is_refused(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o500)
    # Root may do everything, so the attempt is made by a process that gave root up after its imports.
    script = """
import os, sys
from syncline.kernel.clock import SystemClock
from syncline.store import FolderUnusableError, Store
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
try:
    Store.open(sys.argv[1], clock=SystemClock())
except FolderUnusableError as error:
    print(error)
"""
    text = subprocess.run(
        [sys.executable, "-c", script, data], capture_output=True, text=True, check=True
    ).stdout
    assert f"the data folder {data} cannot be " in text
    assert "help: give this user the folder (chown), or name another with --data" in text


def test_a_folder_without_data_is_refused_when_it_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(FolderUnusableError, match=f"there is no Syncline data in {tmp_path}"):
        Store.open(tmp_path, clock=FakeClock(), create=False)
    assert list(tmp_path.iterdir()) == []


def _database(folder: Path) -> Path:
    with open_store(folder) as store:
        commit(store, *[put(number, b"x" * 500) for number in range(100)])
    return folder / "syncline.db"


def test_data_of_a_newer_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = _database(tmp_path)
    connection = open_connection(path, None)
    connection.pragma("user_version", 99)
    connection.close()
    with pytest.raises(NewerDataError) as caught:
        open_store(tmp_path)
    assert "was written by a newer version of Syncline (data format 99, this version reads up to 1)" in str(
        caught.value
    )
    assert "help: start the version of Syncline that wrote it, or a newer one" in str(caught.value)
    connection = open_connection(path, None)
    assert connection.pragma("user_version") == 99
    connection.close()


def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    connection = open_connection(tmp_path / "syncline.db", None)
    connection.execute("CREATE TABLE theirs(a)")
    connection.close()
    with pytest.raises(CorruptDataError, match="is an SQLite database, but not one of Syncline"):
        open_store(tmp_path)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "syncline.db").write_bytes(b"not a database" * 1000)
    with pytest.raises(WrongKeyError) as caught:
        open_store(tmp_path)
    assert "syncline.db is encrypted, or damaged at its start" in str(caught.value)
    assert (
        "help: give the encryption key (SYNCLINE_DATA_KEY); if the data was never encrypted, restore the newest backup"
        in str(caught.value)
    )


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    path = _database(tmp_path)
    content = bytearray(path.read_bytes())
    content[100:4096] = b"\x5a" * 3996
    path.write_bytes(content)
    with pytest.raises(CorruptDataError) as caught:
        open_store(tmp_path)
    assert f"{path} is damaged (" in str(caught.value)
    assert "help: keep a copy of the data folder, then restore the newest backup" in str(caught.value)


def test_a_failed_opening_lets_the_folder_go(tmp_path: Path) -> None:
    path = tmp_path / "syncline.db"
    path.write_bytes(b"not a database" * 1000)
    with pytest.raises(WrongKeyError):
        open_store(tmp_path)
    path.unlink()
    open_store(tmp_path).close()


def test_closing_twice_is_harmless(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.reader().begin()
    store.close()
    store.close()


def test_a_memory_store_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("syncline.store.folder._MEMORY", str(tmp_path))
    with Store.memory(FakeClock()) as store:
        commit(store, put(1))
        assert len(list(tmp_path.iterdir())) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_memory_store_goes_elsewhere_if_there_is_little_memory_for_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    for place, bytes_needed in ((str(tmp_path / "none"), 0), (str(tmp_path), 2**62)):
        monkeypatch.setattr("syncline.store.folder._MEMORY", place)
        monkeypatch.setattr("syncline.store.folder._MEMORY_BYTES", bytes_needed)
        with Store.memory(FakeClock()):
            assert len(list(tmp_path.iterdir())) == 1
