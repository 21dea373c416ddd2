"""Whose files are: an id as an argument opens nobody else's private file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.applications import write_application
from syncline.functions import load_application
from syncline.kernel.errors import ForbiddenError, NotFoundError
from syncline.testing import Backend, User

SOURCES = {
    "pictures": """
        from syncline import ActionCtx, Id, MutationCtx, QueryCtx, StoredFile, SyncActionCtx, action, mutation, query

        @mutation
        def upload_url(ctx: MutationCtx, private: bool) -> str:
            return ctx.storage.upload_url(private=private)

        @query
        def url(ctx: QueryCtx, file: str) -> str | None:
            return ctx.storage.url(file)

        @query
        def metadata(ctx: QueryCtx, file: str) -> StoredFile | None:
            return ctx.storage.metadata(file)

        @query
        def shared(ctx: QueryCtx, file: str) -> str | None:
            return ctx.storage.unrestricted.url(file)

        @query
        def listed(ctx: QueryCtx) -> list[str]:
            return [file.id for file in ctx.db.query(StoredFile)]

        @query
        def counted(ctx: QueryCtx) -> int:
            return ctx.db.query(StoredFile).count()

        @query
        def got(ctx: QueryCtx, file: Id[StoredFile]) -> bool:
            return ctx.db.get(file) is not None

        @query
        def owns(ctx: QueryCtx, file: str) -> bool:
            return ctx.storage.owns(file)

        @query(internal=True)
        def inside(ctx: QueryCtx, file: str) -> str | None:
            return ctx.storage.url(file)

        @query
        def by_internal(ctx: QueryCtx, file: str) -> str | None:
            return ctx.run(inside, file=file)

        @mutation
        def keep(ctx: MutationCtx, file: str) -> None:
            ctx.storage.keep(file)

        @mutation
        def delete(ctx: MutationCtx, file: str) -> None:
            ctx.storage.delete(file)

        @mutation
        def delete_shared(ctx: MutationCtx, file: str) -> None:
            ctx.storage.unrestricted.delete(file)

        @action
        async def store(ctx: ActionCtx, private: bool) -> str:
            return await ctx.storage.store(b"stored", private=private)

        @action(internal=True)
        async def store_inside(ctx: ActionCtx) -> str:
            return await ctx.storage.store(b"of the backend", private=True)

        @action
        async def get(ctx: ActionCtx, file: str) -> bytes | None:
            return await ctx.storage.get(file)

        @action
        async def get_shared(ctx: ActionCtx, file: str) -> bytes | None:
            return await ctx.storage.unrestricted.get(file)

        @action
        async def read(ctx: ActionCtx, file: str) -> bytes:
            async with ctx.storage.open(file) as stream:
                return await stream.read()

        @action
        async def ask(ctx: ActionCtx, file: str) -> bool:
            return await ctx.storage.url(file) is not None or await ctx.storage.metadata(file) is not None

        @action
        async def remove(ctx: ActionCtx, file: str) -> None:
            await ctx.storage.delete(file)

        @action
        def get_in_thread(ctx: SyncActionCtx, file: str) -> bytes | None:
            return ctx.storage.get(file)

        @action
        def remove_in_thread(ctx: SyncActionCtx, file: str) -> None:
            ctx.storage.unrestricted.delete(file)
    """,
}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[tuple[Backend, Any]]:
    release = load_application(write_application(tmp_path, **SOURCES))
    backend = Backend(release)
    yield backend, release.modules.modules["backend.pictures"]
    backend.close()
    release.modules.close()


def upload(backend: Backend, caller: Backend | User, pictures: Any, *, private: bool) -> str:
    url = caller.mutation(pictures.upload_url, private=private)
    return str(backend.request("POST", url, content=b"uploaded").json()["storageId"])


def test_an_id_opens_nobody_elses_private_file(world: tuple[Backend, Any]) -> None:
    backend, pictures = world
    ada, eve = backend.signed_in("ada"), backend.signed_in("eve")
    for file in (upload(backend, ada, pictures, private=True), ada.action(pictures.store, private=True)):
        for stranger in (eve, backend):
            assert stranger.query(pictures.url, file=file) is None
            assert stranger.query(pictures.metadata, file=file) is None
            assert stranger.action(pictures.get, file=file) is None
            assert stranger.action(pictures.get_in_thread, file=file) is None
            assert stranger.action(pictures.ask, file=file) is False
            for change in (pictures.delete, pictures.keep):
                with pytest.raises(NotFoundError, match="there is no stored file"):
                    stranger.mutation(change, file=file)
            for act in (pictures.read, pictures.remove):
                with pytest.raises(NotFoundError, match="there is no stored file"):
                    stranger.action(act, file=file)
        url = ada.query(pictures.url, file=file)
        assert url is not None and backend.request("GET", url).status_code == 200
        assert ada.action(pictures.get, file=file) == ada.action(pictures.read, file=file) is not None
        ada.mutation(pictures.keep, file=file)
        ada.mutation(pictures.delete, file=file)
        assert ada.query(pictures.metadata, file=file) is None


def test_a_public_file_is_read_by_all_and_deleted_by_its_owner(world: tuple[Backend, Any]) -> None:
    backend, pictures = world
    ada, eve = backend.signed_in("ada"), backend.signed_in("eve")
    file = upload(backend, ada, pictures, private=False)
    assert eve.query(pictures.url, file=file) is not None and eve.action(pictures.get, file=file)
    with pytest.raises(ForbiddenError, match="was uploaded by somebody else"):
        eve.mutation(pictures.delete, file=file)
    with pytest.raises(ForbiddenError, match=r"ctx\.storage\.unrestricted"):
        eve.action(pictures.remove, file=file)
    ada.action(pictures.remove, file=file)
    assert eve.query(pictures.url, file=file) is None
    nobodys = upload(backend, backend, pictures, private=False)
    eve.mutation(pictures.delete, file=nobodys)


def test_functions_decide_by_themselves_where_they_say_so(world: tuple[Backend, Any]) -> None:
    backend, pictures = world
    ada, eve = backend.signed_in("ada"), backend.signed_in("eve")
    file = upload(backend, ada, pictures, private=True)
    assert eve.query(pictures.shared, file=file) is not None
    assert eve.query(pictures.by_internal, file=file) is not None
    assert eve.action(pictures.get_shared, file=file) == b"uploaded"
    eve.mutation(pictures.delete_shared, file=file)
    assert ada.query(pictures.metadata, file=file) is None
    other = upload(backend, ada, pictures, private=True)
    eve.action(pictures.remove_in_thread, file=other)
    assert ada.query(pictures.metadata, file=other) is None


def test_without_sign_in_private_files_work_as_they_are(world: tuple[Backend, Any]) -> None:
    backend, pictures = world
    file = upload(backend, backend, pictures, private=True)
    assert backend.query(pictures.url, file=file) is not None
    assert backend.action(pictures.get, file=file) == b"uploaded"
    assert backend.signed_in("ada").query(pictures.url, file=file) is None
    backend.mutation(pictures.delete, file=file)


def test_the_records_of_private_files_are_hidden_in_the_database_too(world: tuple[Backend, Any]) -> None:
    backend, pictures = world
    ada, eve = backend.signed_in("ada"), backend.signed_in("eve")
    mine, shown = upload(backend, ada, pictures, private=True), upload(backend, ada, pictures, private=False)
    assert ada.query(pictures.listed) == [mine, shown]
    assert ada.query(pictures.got, file=mine) is ada.query(pictures.owns, file=mine) is True
    for stranger in (eve, backend):
        assert stranger.query(pictures.listed) == [shown]
        assert stranger.query(pictures.counted) == 1
        assert stranger.query(pictures.got, file=mine) is stranger.query(pictures.owns, file=mine) is False
        assert stranger.query(pictures.got, file=shown) is True
        assert stranger.query(pictures.owns, file=shown) is False
