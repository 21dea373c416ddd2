"""Field names and constants that are certainly wrong, found in the source; and code about which nothing is said."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from support.applications import loaded
from syncline.analysis import Finding, check_fields, in_order, source_files

SCHEMA = """
    from syncline import Aggregate, Document, Id, Index, SearchIndex

    class User(Document):
        name: str
        by_name = Index("name", unique=True)

    class Message(Document):
        channel: str
        author: Id[User]
        body: str = ""
        likes: int = 0
        tags: list[str] = []
        reply_to: "Id[Message] | None" = None

        by_channel = Index("channel")
        by_author = Index("author", "channel")
        by_tag = Index("tags", each=True)
        search_body = SearchIndex("body", filters=("channel",))
        total = Aggregate("likes", by=("channel",))
"""

HEAD = """
from datetime import datetime
from syncline import (
    UNSET, Document, Id, MutationCtx, Page, PaginationOptions, QueryCtx, between, contains, gt, gte, lt, mutation, query,
)
from syncline.database import DatabaseReader, DatabaseWriter
from . import schema
from .schema import Message, User
"""


def findings(folder: Path, body: str) -> list[Finding]:
    """What is found in a module with these functions."""
    with loaded(folder, schema=SCHEMA, messages=HEAD + textwrap.dedent(body)) as release:
        return in_order(check_fields(release, source_files(release)))


def in_function(line: str, signature: str = "ctx: MutationCtx, message: Message, id: Id[Message]") -> str:
    return f"""
def helper({signature}) -> None:
    {line}
"""


@pytest.mark.parametrize(
    ("line", "what", "column"),
    [
        (
            'ctx.db.query(Message).where(chanel="x").all()',
            "where on messages: messages has no field `chanel` (did you mean `channel`?)",
            33,
        ),
        (
            'ctx.db.query(schema.Message).where(channel="x").where(like=gt(3)).first()',
            "where on messages: messages has no field `like` (did you mean `likes`?)",
            59,
        ),
        (
            'ctx.db.query(Message).index(Message.by_channel, chanel="x").all()',
            "index on messages: messages has no field `chanel` (did you mean `channel`?)",
            53,
        ),
        (
            "ctx.db.query(Message).index(Message.by_chanel)",
            "Message has no index `by_chanel` (did you mean `by_channel`?)",
            41,
        ),
        (
            'ctx.db.query(Message).index(User.by_name, name="x")',
            "User.by_name is not an index of messages",
            33,
        ),
        (
            'ctx.db.query(Message).index(Message.by_author, channel="x")',
            "messages.by_author (author, channel) cannot use `channel` here",
            52,
        ),
        ('ctx.db.query(Message).order("newest")', """.order takes "asc" or "desc", got 'newest'""", 33),
        (
            "ctx.db.patch(message, like=1)",
            "patch of messages: messages has no field `like` (did you mean `likes`?)",
            27,
        ),
        (
            "ctx.db.patch(id, like=1)",
            "patch of messages: messages has no field `like` (did you mean `likes`?)",
            22,
        ),
        (
            'ctx.db.patch(message.author, nam="x")',
            "patch of users: users has no field `nam` (did you mean `name`?)",
            34,
        ),
        (
            "ctx.db.patch(id, created_at=datetime.now())",
            "patch of messages: `created_at` is set by the database and cannot be given",
            22,
        ),
        (
            'ctx.db.insert(User(nam="x", name="y"))',
            "User(...): users has no field `nam` (did you mean `name`?)",
            24,
        ),
        ("ctx.db.insert(User())", "User(...): `name` is missing", 19),
        ('ctx.db.insert(User("x"))', "User takes its fields by name", 24),
        (
            'ctx.db.replace(message, User(name="x"))',
            "replace: this is a document of Message, and would become a User",
            29,
        ),
        ('ctx.db.patch(id, likes="3")', '`messages.likes`: expected int, got "3" (str)', 28),
        ('ctx.db.query(Message).where(likes="3")', '`messages.likes`: expected int, got "3" (str)', 39),
        ('ctx.db.query(Message).where(likes=gte("3"))', '`messages.likes`: expected int, got "3" (str)', 43),
        (
            "ctx.db.query(Message).where(channel=between(1, 2))",
            "`messages.channel`: expected str, got 1 (int)",
            49,
        ),
        (
            'ctx.db.query(Message).search(Message.search_body, "x", chanel="a").all()',
            "`chanel` is not a filter of this index (did you mean `channel`?)",
            60,
        ),
        (
            "ctx.db.query(Message).search(Message.serch_body, 'x')",
            "Message has no index `serch_body` (did you mean `search_body`?)",
            42,
        ),
        (
            'ctx.db.sum(Message.total, chanel="a")',
            "`chanel` is no part of this aggregate (did you mean `channel`?)",
            31,
        ),
        ("print(message.chanel)", "Message has no attribute `chanel` (did you mean `channel`?)", 19),
        (
            "[m for m in ctx.db.query(Message) if m.chanel]",
            "Message has no attribute `chanel` (did you mean `channel`?)",
            44,
        ),
        (
            'ctx.db.query(Message).filter(lambda m: m.chanel == "x")',
            "Message has no attribute `chanel` (did you mean `channel`?)",
            46,
        ),
    ],
)
def test_what_is_certainly_wrong_is_found_at_its_column(
    tmp_path: Path, line: str, what: str, column: int
) -> None:
    found = findings(tmp_path, in_function(line))
    assert [each.what for each in found][:1] == [what]
    place = found[0].place
    assert place is not None
    assert (place.file, place.column) == ("backend/messages.py", column)
    assert place.source == f"    {line}"


@pytest.mark.parametrize(
    "body",
    [
        # A variable that holds a query, narrowed step by step.
        """
        def helper(ctx: QueryCtx, channel: str | None) -> None:
            found = ctx.db.query(Message)
            if channel is not None:
                found = found.where(channel=channel)
            for message in found.where(like=1):
                print(message.body)
        """,
        # Through functions of the application, and ctx.run.
        """
        def pick(ctx: QueryCtx) -> Message | None:
            return ctx.db.query(Message).first()

        def helper(ctx: MutationCtx) -> None:
            message = pick(ctx)
            if message is not None:
                ctx.db.patch(message, like=1)
        """,
        """
        @query
        def pick(ctx: QueryCtx) -> list[Message]:
            return ctx.db.query(Message).take(3)

        @mutation
        def change(ctx: MutationCtx) -> None:
            for message in ctx.run(pick):
                ctx.db.patch(message.id, like=1)
        """,
        # Imports inside the function, pages, ids in lists, hints in quotes, another name for the database.
        """
        def helper(db: DatabaseWriter, ids: "list[Id[Message]]") -> None:
            for id in ids:
                db.patch(id, like=1)
        """,
        """
        def helper(ctx: QueryCtx, options: PaginationOptions) -> None:
            from .schema import Message as M
            page = ctx.db.query(M).paginate(options)
            print([m.like for m in page.items])
        """,
        """
        def helper(ctx: MutationCtx, messages: list[Message]) -> None:
            newest = sorted(messages, key=lambda m: m.created_at)[0]
            ctx.db.patch(newest, like=1)
        """,
        """
        def helper(ctx: MutationCtx, id: Id[Message]) -> None:
            def inner() -> None:
                ctx.db.patch(ctx.db.require(id), like=1)
            inner()
        """,
    ],
)
def test_types_are_followed_through_the_code(tmp_path: Path, body: str) -> None:
    found = findings(tmp_path, body)
    assert len(found) == 1
    assert "`like` (did you mean `likes`?)" in found[0].what


@pytest.mark.parametrize(
    "body",
    [
        # Everything as it should be.
        """
        def helper(ctx: MutationCtx, message: Message, author: Id[User], now: datetime) -> None:
            rows = ctx.db.query(Message)
            rows.where(channel="x", likes=gte(3), created_at=lt(now)).order("desc").take(3)
            rows.where(tags=contains("x"), reply_to=None).exists()
            rows.index(Message.by_author, author=author, channel=gt("x")).all()
            rows.index(Message.by_channel, channel="x", created_at=gt(now)).all()
            rows.search(Message.search_body, "words", channel="x").take(3)
            ctx.db.count(Message.total, channel="x")
            ctx.db.patch(message, likes=message.likes + 1, tags=["a"], reply_to=None, body=UNSET)
            ctx.db.replace(message, Message(channel="x", author=author))
            print(message.id, message.created_at, message.channel.upper(), message.__class__)
        """,
        # Names that are not what they seem, or that nothing is known about.
        """
        class Table:
            def query(self, thing: object) -> "Table":
                return self
            def where(self, **names: object) -> "Table":
                return self
            def patch(self, thing: object, **names: object) -> None: ...

        def helper(ctx: MutationCtx, Message: Table, fields: dict[str, object], anything) -> None:
            Message.query(1).where(anything=1)
            Message.patch(1, like=2)
            ctx.db.patch(anything, like=1)
            ctx.db.query(anything).where(like=1)
            anything.db.query(3).where(like=1)
        """,
        # One name, several things.
        """
        def helper(ctx: MutationCtx, which: bool) -> None:
            found = ctx.db.query(Message).first()
            if which:
                found = ctx.db.query(User).first()
            print(found.name, found.likes)
            for found in [1, 2]:
                print(found.real)
        """,
        # Fields by dictionary.
        """
        def helper(ctx: MutationCtx, message: Message, fields: dict[str, object]) -> None:
            ctx.db.patch(message, **fields)
            ctx.db.insert(User(**fields))
            ctx.db.query(Message).where(**fields)
            ctx.db.query(Message).index(Message.by_author, **fields)
        """,
        # An exception, a with block, a match, a loop over pairs, a walrus.
        """
        def helper(ctx: MutationCtx, pairs: list[tuple[Message, int]], message: object) -> None:
            try:
                pass
            except ValueError as message:
                print(message.like)
            with open("x") as message:
                print(message.like)
            for message, count in pairs:
                print(message.like)
            match pairs:
                case [message, *_]:
                    print(message.like)
            if message := pairs:
                print(message.like)
        """,
        "NAMES = {'a': 1}\nLIST = [1]\nSET = {1}\ndef f(): return NAMES.keys(), LIST.copy(), SET.pop()",
    ],
)
def test_nothing_is_said_where_nothing_is_certain(tmp_path: Path, body: str) -> None:
    assert findings(tmp_path, body) == []


def test_long_chains_take_no_longer_than_they_are(tmp_path: Path) -> None:
    chain = "anything" + "".join(f".step({number})" for number in range(150))
    body = f"""
    def helper(anything) -> None:
        found = {chain}
        print(found, ctx.db.query(Message).where(like=1))
    """
    (found,) = findings(tmp_path, body.replace("anything)", "ctx, anything)"))
    assert "`like`" in found.what


def test_a_finding_shows_the_line_and_what_is_meant(tmp_path: Path) -> None:
    body = """
    def helper(ctx: QueryCtx) -> None:
        print("ä", ctx.db.query(Message).where(chanel="x").all())
    """
    (found,) = findings(tmp_path, body)
    assert found.place is not None
    assert "\n".join(found.lines()) == textwrap.dedent(
        f"""\
        backend/messages.py:{found.place.line}:44: error: where on messages: messages has no field `chanel` (did you mean `channel`?)  [field-name]

        {found.place.line:>5} |     print("ä", ctx.db.query(Message).where(chanel="x").all())
              |                                            ^^^^^^

          help: its fields: channel, author, body, likes, tags, reply_to, created_at"""
    )


def test_all_that_is_wrong_is_found_at_once_in_order(tmp_path: Path) -> None:
    body = """
    def helper(ctx: MutationCtx) -> None:
        ctx.db.insert(User(nam="x"))
        ctx.db.query(Message).where(chanel="x", like=3)
    """
    found = findings(tmp_path, body)
    assert [each.rule for each in found] == ["missing-field", "field-name", "field-name", "field-name"]


def test_documents_of_syncline_are_known_by_their_fields_too(tmp_path: Path) -> None:
    body = """
from syncline import OrganizationMember, UserProfile

def helper(ctx: MutationCtx) -> None:
    ctx.db.query(UserProfile).where(subjekt="a")
    ctx.db.query(OrganizationMember).where(organization_id="org", role="admin")
    OrganizationMember(user_id="a", subject="a", organization_id="org", role=1, since=ctx.now)
"""
    assert [found.rule for found in findings(tmp_path, body)] == ["field-name", "value"]
