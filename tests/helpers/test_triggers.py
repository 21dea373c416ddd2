"""`@on_change`: code that runs with each change, in its transaction."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.applications import write_application
from support.jobs import Application
from syncline import LimitError, NotFoundError
from syncline.functions import load_application
from syncline.kernel.errors import SetupError
from syncline.testing import Backend

NOTES = """
    from syncline import (
        UNSET, ActionCtx, Change, Document, Id, Index, MutationCtx, QueryCtx, action, mutation, on_change, owned_by, query
    )


    class Note(Document):
        text: str
        owner: str = ""

        by_owner = Index("owner")
        access = owned_by("owner")


    class Entry(Document):
        text: str


    class Loop(Document):
        number: int


    @on_change(Note)
    def log(ctx: MutationCtx, change: Change[Note]) -> None:
        texts = [None if note is None else note.text for note in (change.before, change.after)]
        if texts[1] == "forbidden":
            raise ValueError("not that")
        ctx.db.insert(Entry(text=f"{change.kind} {texts[0]} {texts[1]}"))


    @on_change(Note)
    def second(ctx: MutationCtx, change: Change[Note]) -> None:
        if change.after is not None and change.after.text == "chained":
            ctx.db.patch(change.id, text="chained further")


    @on_change(Loop)
    def again(ctx: MutationCtx, change: Change[Loop]) -> None:
        if change.after is not None:
            ctx.db.patch(change.id, number=change.after.number + 1)


    @query
    def entries(ctx: QueryCtx) -> list[str]:
        return [entry.text for entry in ctx.db.query(Entry)]


    @query(internal=True)
    def texts(ctx: QueryCtx) -> list[str]:
        return [note.text for note in ctx.db.query(Note)]


    @mutation
    def add(ctx: MutationCtx, text: str) -> Id[Note]:
        return ctx.db.insert(Note(text=text))


    @mutation(internal=True)
    def add_many(ctx: MutationCtx, texts: list[str]) -> None:
        ctx.db.insert_many([Note(text=text) for text in texts])


    @mutation
    def live(ctx: MutationCtx, id: Id[Note]) -> None:
        ctx.db.patch(id, text="patched")
        ctx.db.replace(id, Note(text="replaced"))
        ctx.db.unrestricted.patch(ctx.db.require(id), text="open")
        ctx.db.delete(id)


    @mutation(internal=True)
    def try_forbidden(ctx: MutationCtx) -> str:
        id = ctx.db.insert(Note(text="kept"))
        try:
            ctx.db.patch(id, text="forbidden")
        except ValueError as error:
            return f"{error}: {ctx.db.require(id).text}"
        return "unreached"


    @mutation
    def loop(ctx: MutationCtx) -> None:
        ctx.db.insert(Loop(number=0))


    @mutation
    def missing(ctx: MutationCtx, id: Id[Note]) -> None:
        ctx.db.delete(id)
        ctx.db.delete(id)


    @action
    async def speak(ctx: ActionCtx, id: Id[Note]) -> None:
        async with ctx.stream(id, "text") as out:
            await out.write(" and more")
"""


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Application]:
    with Application(tmp_path, "", notes=NOTES) as app:
        yield app


@pytest.fixture
def backend(app: Application) -> Backend:
    return app.backend


@pytest.fixture
def notes(app: Application) -> Any:
    return app.module("notes")


def test_each_change_is_told_with_what_was_before(backend: Backend, notes: Any) -> None:
    ann = backend.signed_in("ann")
    id = ann.mutation(notes.add, text="new")
    ann.mutation(notes.live, id=id)
    assert backend.query(notes.entries) == [
        "insert None new",
        "update new patched",
        "update patched replaced",
        "update replaced open",
        "delete open None",
    ]


def test_a_failing_trigger_undoes_the_change_and_nothing_else(backend: Backend, notes: Any) -> None:
    with pytest.raises(ValueError, match="not that"):
        backend.mutation(notes.add_many, texts=["a", "forbidden"])
    assert backend.query(notes.entries) == []
    assert backend.mutation(notes.try_forbidden) == "not that: kept"
    assert backend.query(notes.entries) == ["insert None kept"]


def test_triggers_set_off_others_within_bounds(backend: Backend, notes: Any) -> None:
    backend.mutation(notes.add_many, texts=["chained"])
    assert backend.query(notes.texts) == ["chained further"]
    assert backend.query(notes.entries) == ["insert None chained", "update chained chained further"]
    with pytest.raises(
        LimitError, match="8 triggers have set off one another, the limit is 8, and again for Loop"
    ):
        backend.mutation(notes.loop)


def test_a_write_that_is_refused_sets_nothing_off(backend: Backend, notes: Any) -> None:
    ann = backend.signed_in("ann")
    id = ann.mutation(notes.add, text="new")
    with pytest.raises(NotFoundError):
        ann.mutation(notes.missing, id=id)
    with pytest.raises(NotFoundError):
        backend.signed_in("bob").mutation(notes.live, id=id)
    assert backend.query(notes.entries) == ["insert None new"]


def test_text_that_grows_sets_them_off_too(backend: Backend, notes: Any) -> None:
    id = backend.signed_in("ann").mutation(notes.add, text="one")
    backend.action(notes.speak, id=id)
    assert backend.query(notes.entries)[-1] == "update one one and more"


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (
            "@on_change(int)\ndef f(ctx: MutationCtx, change: Change[int]) -> None: ...",
            "takes a document class",
        ),
        (
            "@on_change(Note)\ndef f(ctx: MutationCtx) -> None: ...",
            "is for functions of a context and a change",
        ),
    ],
)
def test_mistakes_are_named_when_the_application_loads(tmp_path: Path, source: str, text: str) -> None:
    head = "from syncline import Change, Document, MutationCtx, on_change\n\nclass Note(Document):\n    text: str\n\n"
    with pytest.raises(SetupError, match=text):
        load_application(write_application(tmp_path, notes=head + source))
