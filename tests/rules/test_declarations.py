"""What `access` may say: checked when the schema loads, with the class, the field and what to write instead."""

from __future__ import annotations

import types
from typing import Any, cast

import pytest

from support.databases import Database
from support.schemas import document_class
from syncline import Document, Id, Index, Rules, SyncActionCtx, members, owned_by, private, public_read
from syncline.kernel.errors import SetupError
from syncline.schema import collect, table_of


class Team(Document):
    name: str


class TeamMember(Document):
    user_id: str
    team: Id[Team]
    role: str = ""

    by_user = Index("user_id")
    by_team = Index("team")


async def later(ctx: SyncActionCtx, doc: object) -> bool:
    return True


def load(
    hints: dict[str, Any], access: object, defaults: dict[str, Any] | None = None, **more: Index
) -> None:
    """Load a class `Note` with these fields, this rule and these indexes."""
    note = document_class(hints, defaults, name="Note", members={"access": access, **more})
    module: Any = types.ModuleType("schema")
    module.Team, module.TeamMember, module.Note = Team, TeamMember, note
    collect([module])


VIA = TeamMember.by_user


@pytest.mark.parametrize(
    ("hints", "access", "indexes", "problem", "instead"),
    [
        (
            {"user_id": str},
            owned_by("user"),
            {},
            "Note.access: Note has no field `user` (did you mean `user_id`?)",
            "owned_by(...) names a field of its class",
        ),
        (
            {"user_id": int},
            owned_by("user_id"),
            {},
            "owned_by('user_id') compares the field with the caller's subject, which is a str, but Note.user_id is int",
            "write user_id: str",
        ),
        (
            {"user_id": str | None},
            public_read("user_id"),
            {},
            "public_read('user_id') compares the field with the caller's subject, which is a str",
            "write user_id: str",
        ),
        (
            {"user_id": str, "text": str},
            owned_by("user_id"),
            {"by_text": Index("text", "user_id")},
            "Note.access needs an index that begins with `user_id`: without one every list would read the rows of everybody",
            'add by_user_id = Index("user_id") to Note',
        ),
        (
            {"team": str},
            members("team", via=VIA, field="team"),
            {"by_team": Index("team")},
            "Note.team is compared with TeamMember.team, but one is str and the other Id[Team]",
            "give both the same type",
        ),
        (
            {"team": Id[Team]},
            members("team", via=VIA, field="team"),
            {},
            "Note.access needs an index that begins with `team`",
            'add by_team = Index("team") to Note',
        ),
        (
            {"teams": list[Id[Team]]},
            members("teams", via=VIA, field="team"),
            {},
            "Note.access needs an index that begins with `teams`",
            'add by_teams = Index("teams", each=True) to Note',
        ),
        (
            {"team": Id[Team]},
            members("team", via=VIA, field="group"),
            {"by_team": Index("team")},
            "Note.access: TeamMember has no field `group`",
            "members(...) names a field of its class",
        ),
        (
            {"team": Id[Team]},
            members("group", via=VIA, field="team"),
            {"by_team": Index("team")},
            "Note.access: Note has no field `group`",
            "members(...) names a field of its class",
        ),
        (
            {"team": Id[Team]},
            members("team", via=Index("user_id"), field="team"),
            {"by_team": Index("team")},
            "Note.access: via=Index('user_id') is no index of a table of this application",
            'members("team", via=TeamMember.by_user, field="team")',
        ),
        (
            {"team": Id[Team]},
            members("team", via=TeamMember.by_team, field="team"),
            {"by_team": Index("team")},
            "via must begin with a field that holds the member's subject, a str, but TeamMember.by_team begins with team: "
            "Id[Team]",
            'add by_user = Index("user_id") to TeamMember',
        ),
        (
            {"text": str},
            members("id", via=VIA, field="team"),
            {},
            "Note.id is compared with TeamMember.team, but one is Id[Note] and the other Id[Team]",
            "give both the same type",
        ),
        (
            {"text": str},
            Rules(read=cast("Any", later)),
            {},
            "Note.access: read=<function later",
            "write read=lambda ctx, doc: ..., which returns True or False",
        ),
        (
            {"text": str},
            Rules(insert=lambda ctx, doc: True),
            {},
            "Note.access: Rules(...) without read= hides all rows, so that nobody can change one",
            "for a table that only internal functions use write access = private",
        ),
        (
            {"text": str},
            "private",
            {},
            'Note.access is "private" (str), which says nothing about access',
            'write access = owned_by("user_id"), members(...), public_read(...), private or Rules(...)',
        ),
    ],
)
def test_a_rule_that_cannot_be_enforced_is_refused(
    hints: dict[str, Any], access: object, indexes: dict[str, Index], problem: str, instead: str
) -> None:
    with pytest.raises(SetupError) as caught:
        load(hints, access, None, **indexes)
    text, _, hint = str(caught.value).partition("\n  help: ")
    assert problem in text
    assert instead in hint


def test_an_owner_has_no_default_that_somebody_could_be() -> None:
    with pytest.raises(SetupError, match=r"Note\.user_id has the default 'admin'") as caught:
        load({"user_id": str}, owned_by("user_id"), {"user_id": "admin"}, by_user=Index("user_id"))
    assert 'write user_id: str = "", which inserts fill with the caller' in str(caught.value)


def test_rules_that_can_be_enforced_load() -> None:
    load({"user_id": str}, owned_by("user_id"), {"user_id": ""}, by_user=Index("user_id", unique=True))
    load({"user_id": str}, public_read("user_id"))
    load({"team": Id[Team] | None}, members("team", via=VIA, field="team"), by_team=Index("team"))
    load(
        {"teams": list[Id[Team]]}, members("teams", via=VIA, field="team"), by_teams=Index("teams", each=True)
    )
    load({"text": str}, private)
    load({"text": str}, Rules())


class Nobody:
    """A caller who is not signed in."""

    identity = None

    def predicate_context(self) -> object:
        return self


def test_a_predicate_answers_with_true_or_false() -> None:
    note = document_class(
        {"text": str}, name="Note", members={"access": Rules(read=lambda ctx, doc: doc.text)}
    )
    database = Database([table_of(note)])
    with database.writing() as db:
        id = db.insert(note(text="yes"))
    with database.reading(caller=Nobody()) as db, pytest.raises(SetupError) as caught:
        db.get(id)
    assert "Note.access: read= returned 'yes' for a row of notes" in str(caught.value)
    assert "a rule returns True or False" in str(caught.value)
