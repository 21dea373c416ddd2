"""`syncline audit` on applications with several issuers: a subject alone names nobody."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.applications import loaded
from support.processes import syncline
from syncline.analysis import source_files
from syncline.analysis.subjects import callers_by_subject

SCHEMA = """
    from syncline import Document, Index, owned_by

    class Note(Document):
        user_id: str = ""
        text: str = ""
        access = owned_by("user_id")
        by_user = Index("user_id")
"""
NOTES = """
    from syncline import Identity, MutationCtx, QueryCtx, UserProfile, mutation, query
    from .schema import Note

    def me(ctx: QueryCtx) -> str:
        return ctx.auth.require().subject

    def may(identity: Identity | None, note: Note) -> bool:
        return identity is not None and note.user_id == identity.subject  # 1

    @query
    def mine(ctx: QueryCtx) -> list[Note]:
        caller = ctx.auth.require()
        own = caller.subject
        found = ctx.db.query(Note).where(user_id=own).all()  # 2
        return [note for note in found if note.user_id == caller.subject]  # 3

    @mutation
    def add(ctx: MutationCtx, text: str) -> None:
        ctx.db.insert(Note(user_id=ctx.auth.require_recent().subject, text=text))  # 4
        identity = ctx.auth.identity
        user_id = identity.subject if identity else ""
        ctx.db.query(Note).index(Note.by_user, user_id=user_id).first()  # 5

    @query
    def fine(ctx: QueryCtx) -> bool:
        caller = ctx.auth.require()
        name = caller.token_identifier
        ctx.db.query(Note).where(user_id=name).all()
        ctx.db.query(UserProfile).where(subject=caller.subject, issuer=caller.issuer).first()
        ctx.db.query(UserProfile).where(subject=caller.subject).first()
        print("for", caller.subject)
        other = ctx.auth.identity
        return caller.subject == "ann" or other is None or other.subject == caller.subject
"""
APP = """
    from syncline import App
    from syncline.auth import OpenIDConnect, Password

    own = OpenIDConnect(issuer="https://id.example.com", audience="app")
    other = OpenIDConnect(issuer="https://id.example.org", audience="app")
    app = App(auth=[{}])
"""


@pytest.mark.parametrize(
    ("providers", "issuers"),
    [
        ("own, other", "https://id.example.com, https://id.example.org"),
        ("Password(), own", "Syncline's own, https://id.example.com"),
        ("own", None),
        ("Password()", None),
    ],
)
def test_a_subject_that_names_somebody_is_found_if_there_are_several_issuers(
    tmp_path: Path, providers: str, issuers: str | None
) -> None:
    with loaded(tmp_path, schema=SCHEMA, notes=NOTES, app=APP.format(providers)) as release:
        found = list(callers_by_subject(release, source_files(release)))
    lines = (tmp_path / "backend" / "notes.py").read_text().splitlines()
    marked = [number for number, line in enumerate(lines, 1) if line.rpartition("  # ")[2].isdigit()]
    assert len(marked) == 5
    assert sorted(each.place.line for each in found if each.place) == (marked if issuers else [])
    for each in found:
        assert issuers is not None and f"({issuers})" in each.why and "token_identifier" in each.fix


def test_the_command_shows_it_and_takes_a_reason(tmp_path: Path) -> None:
    with loaded(tmp_path, schema=SCHEMA, notes=NOTES, app=APP.format("own, other")):
        done = syncline("audit", folder=tmp_path)
    assert "warning: the subject alone names a caller  [subject]" in done.stdout
    assert "user_id == identity.subject" in done.stdout
    source = tmp_path / "backend" / "notes.py"
    waived = source.read_text().replace("  # 1", "  # syncline: allow(subject) one issuer writes these")
    source.write_text(waived)
    done = syncline("audit", folder=tmp_path)
    assert done.stdout.count("[subject]") == 4
