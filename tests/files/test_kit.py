"""Files in the test kit: uploads, addresses and time, without a server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.applications import write_application
from support.files_app import FILES
from syncline.functions import load_application
from syncline.functions.system import storage
from syncline.testing import Backend


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[Backend]:
    release = load_application(write_application(tmp_path, **FILES))
    backend = Backend(release)
    yield backend
    backend.close()
    release.modules.close()


def upload(backend: Backend, *, temporary: bool = False) -> str:
    url = backend.mutation(storage.upload_url, temporary=temporary)
    return str(backend.request("POST", url, content=b"content").json()["storageId"])


def metadata(backend: Backend, id: str) -> object:
    return backend.query(storage.metadata, id=id)


def test_a_temporary_file_goes_after_a_day_unless_it_is_kept(backend: Backend) -> None:
    lasting, kept, forgotten = (
        upload(backend),
        upload(backend, temporary=True),
        upload(backend, temporary=True),
    )
    backend.mutation(storage.keep, id=kept)
    backend.advance(hours=23)
    backend.mutation(storage.delete_temporary)
    assert all(metadata(backend, id) is not None for id in (lasting, kept, forgotten))
    backend.advance(hours=2)
    backend.mutation(storage.delete_temporary)
    assert metadata(backend, forgotten) is None
    assert metadata(backend, lasting) is not None and metadata(backend, kept) is not None
    assert len(backend.query(storage.deleted)) == 1


def test_a_signed_address_ends_and_a_live_query_gives_out_a_new_one_before(backend: Backend) -> None:
    file = backend.upload(b"content", "text/plain", private=True)
    with backend.subscribe(storage.url, id=file, expires_in=600.0) as updates:
        first = updates.latest
        assert first is not None and backend.request("GET", first).content == b"content"
        backend.advance(minutes=9)
        assert backend.request("GET", first).status_code == 200
        assert updates.count > 1 and updates.latest != first
        backend.advance(minutes=20)
        assert backend.request("GET", first).status_code == 403
        assert updates.latest is not None and backend.request("GET", updates.latest).status_code == 200


def test_an_upload_address_ends(backend: Backend) -> None:
    url = backend.mutation(storage.upload_url)
    backend.advance(minutes=61)
    refused = backend.request("POST", url, content=b"late")
    assert refused.status_code == 403 and "has expired" in refused.json()["message"]
    used = backend.mutation(storage.upload_url)
    assert backend.request("POST", used, content=b"x").status_code == 200
    assert backend.request("POST", used, content=b"x").status_code == 409
    backend.advance(hours=2)
    backend.mutation(storage.forget_expired)
    assert backend.request("POST", used, content=b"x").status_code == 403
