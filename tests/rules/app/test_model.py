"""What a caller sees and may do is what the rules say, whatever the query: a stateful model of tables under rules,
with memberships that come and go, within transactions and across them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from teamwork.schema import Article, Membership, Note, Open, Post, Project, Seat, Secret, Shared, Task, Team

from support.databases import Database, Rollback
from support.rule_asks import USERS, Ask, Fields, Model, asks, fields_of, sweeps
from syncline import Document, ForbiddenError, Id, NotFoundError, PaginationOptions, UnauthenticatedError
from syncline.database import DatabaseReader, DatabaseWriter
from syncline.kernel.identity import Identity
from syncline.kernel.limits import Limits
from syncline.schema import table_of

TEAMS = ("red", "green", "blue")
TABLES: tuple[type[Document], ...] = (Note, Task, Shared, Project, Article, Post, Secret)
#: What there is from the start.
FIRST: tuple[type[Document], ...] = (
    *TABLES, Note, Note, Task, Task, Task, Task, Shared, Shared, Project, Post
)  # fmt: skip
REFUSALS = (NotFoundError, ForbiddenError, UnauthenticatedError)


@dataclass
class Somebody:
    """A caller, as rules see one. The rules of `Post` use nothing of their context but the identity."""

    subject: str | None

    @property
    def identity(self) -> Identity | None:
        return None if self.subject is None else Identity(self.subject, "https://issuer.test")

    def predicate_context(self) -> object:
        return self

    @property
    def auth(self) -> Somebody:
        return self

    def require(self) -> Identity:
        identity = self.identity
        if identity is None:
            raise UnauthenticatedError
        return identity


callers = st.sampled_from([*USERS, None, ""]).map(Somebody)


class RulesMachine(RuleBasedStateMachine):
    @initialize(data=st.data(), most_ranges=st.sampled_from([1, 2, 100]))
    def open(self, data: st.DataObject, most_ranges: int) -> None:
        classes: tuple[type[Document], ...] = (*TABLES, Team, Membership, Seat, Open)
        self.database = Database([table_of(cls) for cls in classes], Limits(rule_ranges=most_ranges))
        with self.database.writing() as db:
            self.teams: Sequence[str] = db.insert_many([Team(name=name) for name in TEAMS])
        self.model: Model = {}
        self.members: set[tuple[str, str]] = set()
        self.next = 0
        with self.database.writing() as db:
            for cls in FIRST:
                self._insert(db, cls, data.draw(fields_of(cls, self.teams)), None)
            for team in self.teams:
                self._toggle(db, data.draw(st.sampled_from(USERS)), team)

    def teardown(self) -> None:
        self.database.store.close()

    # What the rules mean

    def sees(self, who: Somebody, model: Model, members: set[tuple[str, str]]) -> Callable[[str], bool]:
        subject = who.subject or None
        mine = {team for user, team in members if user == subject}

        def sees(id: str) -> bool:
            _, cls, fields = model[id]
            if cls is Article or (cls is Post and fields["published"]):
                return True
            if subject is None:
                # The rules of posts are the application's own, and compare with what they are given.
                return cls is Post and who.subject == "" == fields["author"]
            owner = {Note: "user_id", Post: "author"}.get(cast("Any", cls))
            if owner is not None:
                return bool(fields[owner] == subject)
            groups = [id] if cls is Project else fields.get("teams", [fields.get("team")])
            return cls is not Secret and not mine.isdisjoint(groups)

        return sees

    def may_insert(self, who: Somebody, cls: type[Document], fields: Fields, mine: set[str]) -> bool:
        if cls is Post:
            return who.subject is not None and fields["author"] == who.subject
        if not who.subject or cls in (Project, Secret):
            return False
        if cls in (Note, Article):
            return fields["user_id" if cls is Note else "author"] in ("", who.subject)
        groups = set(fields["teams"] if cls is Shared else [fields["team"]])
        return bool(groups) and groups <= mine

    def may_replace(
        self, who: Somebody, cls: type[Document], old: Fields, new: Fields, mine: set[str]
    ) -> bool:
        """Of a row that is seen."""
        if cls in (Note, Article):
            owner = "user_id" if cls is Note else "author"
            return bool(who.subject) and old[owner] == who.subject and new[owner] in ("", who.subject)
        if cls is Post:
            return who.subject is not None and old["author"] == new["author"] == who.subject
        if cls is Project:
            return True
        before, after = (set(f["teams"] if cls is Shared else [f["team"]]) for f in (old, new))
        return not after.isdisjoint(mine) and after - before <= mine

    # Doing it

    def _insert(self, db: DatabaseWriter, cls: type[Document], fields: Fields, who: Somebody | None) -> None:
        mine = {team for user, team in self.members if who is not None and user == who.subject}
        allowed = who is None or self.may_insert(who, cls, fields, mine)
        try:
            id = db.insert(cls(**fields))
        except REFUSALS:
            assert not allowed, (cls, fields, who)
            return
        assert allowed, (cls, fields, who)
        filled = {Note: "user_id", Article: "author"}.get(cast("Any", cls))
        if who is not None and filled is not None:
            fields = {**fields, filled: who.subject}
        self.model[id] = (self.next, cls, fields)
        self.next += 1

    def _replace(self, db: DatabaseWriter, id: str, new: Fields, who: Somebody, *, patch: bool) -> None:
        at, cls, old = self.model[id]
        mine = {team for user, team in self.members if user == who.subject}
        seen = self.sees(who, self.model, self.members)(id)
        owner = {Note: "user_id", Article: "author"}.get(cast("Any", cls))
        allowed = seen and self.may_replace(who, cls, old, new, mine)
        if patch and owner is not None and new[owner] != old[owner]:
            allowed = False  # Nothing is filled in: an owner that is named was meant.
        try:
            if patch:
                db.patch(Id[Document](id), **new)
            else:
                db.replace(Id[Document](id), cls(**new))
        except REFUSALS as error:
            assert not allowed, (cls, old, new, who)
            assert seen or isinstance(error, NotFoundError)
            return
        assert allowed, (cls, old, new, who)
        if owner is not None:
            new = {**new, owner: old[owner]}
        self.model[id] = (at, cls, new)

    def _delete(self, db: DatabaseWriter, id: str, who: Somebody) -> None:
        _, cls, fields = self.model[id]
        seen = self.sees(who, self.model, self.members)(id)
        allowed = seen and cls is not Post
        if cls is Article:
            allowed = bool(who.subject) and fields["author"] == who.subject
        try:
            db.delete(Id[Document](id))
        except REFUSALS as error:
            assert not allowed, (cls, fields, who)
            assert seen or isinstance(error, NotFoundError)
            return
        assert allowed, (cls, fields, who)
        del self.model[id]

    def _toggle(self, db: DatabaseWriter, user: str, group: str) -> None:
        """A membership comes or goes."""
        seat = group in self.model
        found = [
            item
            for item in [*db.query(Seat), *db.query(Membership)]
            if item.user_id == user and (item.project if isinstance(item, Seat) else item.team) == group
        ]
        if found:
            db.delete(found[0])
            self.members.discard((user, group))
        else:
            new: Document = (
                Seat(user_id=user, project=Id(group)) if seat else Membership(user_id=user, team=Id(group))
            )
            db.insert(new)
            self.members.add((user, group))

    def _change(self, db: DatabaseWriter, data: st.DataObject, who: Somebody) -> None:
        """Anything that `who` might try, or that happens around it."""
        what = data.draw(st.sampled_from(["insert", "patch", "replace", "delete", "toggle"]))
        if what == "toggle":
            groups = [*self.teams, *(id for id, (_, cls, _) in self.model.items() if cls is Project)]
            self._toggle(
                db.unrestricted, data.draw(st.sampled_from(USERS)), data.draw(st.sampled_from(sorted(groups)))
            )
        elif what == "insert" or not self.model:
            cls = data.draw(st.sampled_from(TABLES))
            self._insert(db, cls, data.draw(fields_of(cls, self.teams)), who)
        else:
            id = data.draw(st.sampled_from(sorted(self.model)))
            if what == "delete":
                self._delete(db, id, who)
            else:
                new = data.draw(fields_of(self.model[id][1], self.teams))
                self._replace(db, id, new, who, patch=what == "patch")

    def _check(self, db: DatabaseReader, asked: Ask, who: Somebody) -> None:
        sees = self.sees(who, self.model, self.members)
        expected = asked.expected(self.model, sees)
        note = (asked, who)
        assert ([row.id for row in asked.build(db)], note) == (expected, note)
        assert ([row.id for row in asked.build(db).take(2)], note) == (expected[:2], note)
        assert (asked.build(db).count(), note) == (len(expected), note)
        assert (asked.build(db).exists(), note) == (bool(expected), note)

    @rule(data=st.data(), count=st.integers(1, 5))
    def happen(self, data: st.DataObject, count: int) -> None:
        """Rows appear that nobody asked for."""
        with self.database.writing() as db:
            for _ in range(count):
                cls = data.draw(st.sampled_from(TABLES))
                self._insert(db, cls, data.draw(fields_of(cls, self.teams)), None)
            self._toggle(db, data.draw(st.sampled_from(USERS)), data.draw(st.sampled_from(self.teams)))

    @rule(data=st.data(), who=callers, count=st.integers(1, 4))
    def change(self, data: st.DataObject, who: Somebody, count: int) -> None:
        with self.database.writing(who) as db:
            for _ in range(count):
                self._change(db, data, who)
                self._check(db, data.draw(asks(self.teams)), who)

    @rule(data=st.data(), who=callers)
    def undo(self, data: st.DataObject, who: Somebody) -> None:
        """What a nested transaction changed, memberships too, is undone with it."""
        with self.database.writing(who) as db:
            self._change(db, data, who)
            before = dict(self.model), set(self.members)
            try:
                with self.database.transaction.nested():
                    self._change(db, data, who)
                    self._change(db, data, who)
                    self._check(db, data.draw(asks(self.teams)), who)
                    raise Rollback
            except Rollback:
                self.model, self.members = before
            self._change(db, data, who)
            self._check(db, data.draw(asks(self.teams)), who)

    @rule(data=st.data(), who=callers)
    def ask(self, data: st.DataObject, who: Somebody) -> None:
        sweep = data.draw(sweeps(self.teams))
        with self.database.reading(caller=who) as db:
            for asked in sweep:
                self._check(db, asked, who)
            for id in self.model:
                sees = self.sees(who, self.model, self.members)(id)
                assert ((db.get(Id[Document](id)) is not None), id, who) == (sees, id, who)

    @rule(data=st.data(), who=callers, size=st.integers(1, 3))
    def paginate(self, data: st.DataObject, who: Somebody, size: int) -> None:
        asked = data.draw(asks(self.teams))
        seen: list[str] = []
        cursor: str | None = None
        for _ in range(100):
            with self.database.reading(caller=who) as db:
                page = asked.build(db).paginate(PaginationOptions(num_items=size, cursor=cursor))
            seen += [row.id for row in page.items]
            cursor = page.cursor
            if page.is_done:
                break
        assert (seen, asked, who) == (
            asked.expected(self.model, self.sees(who, self.model, self.members)),
            asked,
            who,
        )

    @rule(data=st.data(), who=callers, other=callers, take=st.integers(1, 3))
    def stale(self, data: st.DataObject, who: Somebody, other: Somebody, take: int) -> None:
        """If what a caller sees changes, a commit since touched the read set: also one that ends a membership."""
        asked = data.draw(asks(self.teams))
        with self.database.reading(caller=who) as db:
            before = [row.id for row in asked.build(db).take(take)]
        read_set = self.database.read_set
        seen = len(self.database.records)
        with self.database.writing(other) as db:
            self._change(db, data, other)
        with self.database.reading(caller=who) as db:
            after = [row.id for row in asked.build(db).take(take)]
        if before != after:
            assert any(read_set.overlaps(record) for record in self.database.records[seen:]), (asked, who)


TestRules = RulesMachine.TestCase
TestRules.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)


@pytest.mark.long
def test_rules_for_longer() -> None:
    run_state_machine_as_test(
        RulesMachine, settings=settings(max_examples=300, stateful_step_count=40, deadline=None)
    )
