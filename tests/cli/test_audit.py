"""`syncline audit`: rules, identity, indexes and limits, each finding with its line, reason and remedy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from support.applications import write_application
from support.processes import serving, syncline

SCHEMA = """
    from syncline import Document, Id, Index, owned_by

    class Note(Document):
        user_id: str
        slug: str
        text: str = ""
        tags: list[str] = []

        by_user = Index("user_id")
        by_user_text = Index("user_id", "text")
        by_slug = Index("slug", unique=True)
        by_tag = Index("tags", each=True)
        access = owned_by("user_id")

    class Item(Document):
        name: str
        shop: str
        count: int = 0
        code: str = ""

        by_shop = Index("shop")
        by_count = Index("count")
        by_shop_code = Index("shop", "code")
"""

FUNCTIONS = """
    from syncline import MutationCtx, QueryCtx, contains, gt, mutation, query
    from .schema import Item, Note

    @query
    def mine(ctx: QueryCtx) -> list[Note]:
        return ctx.db.query(Note).where(text="x").all()

    @query
    def tagged(ctx: QueryCtx) -> list[Note]:
        return ctx.db.query(Note).where(tags=contains("x")).all()

    @query
    def by_name(ctx: QueryCtx, name: str) -> Item | None:
        return ctx.db.query(Item).where(name=name).unique()

    @query
    def in_shop(ctx: QueryCtx, shop: str) -> list[str]:
        return [item.name for item in ctx.db.query(Item).where(shop=shop, name=gt("a"))]

    @query
    def coded(ctx: QueryCtx, shop: str, code: str) -> Item | None:
        return ctx.db.query(Item).index(Item.by_shop_code, shop=shop, code=code).first()

    def helper(ctx: QueryCtx) -> str | None:
        identity = ctx.auth.identity
        return None if identity is None else identity.subject

    @query
    def personal(ctx: QueryCtx) -> int:
        return ctx.db.query(Item).where(shop=helper(ctx) or "").count()

    @query(anonymous=True)
    def open_to_all(ctx: QueryCtx) -> int:
        return ctx.db.query(Item).where(shop="a").count()

    @query
    def peek(ctx: QueryCtx) -> int:
        return ctx.db.unrestricted.query(Note).count()

    @mutation(internal=True)
    def put(ctx: MutationCtx, name: str, shop: str, code: str) -> None:
        ctx.db.insert(Item(name=name, shop=shop, code=code))
"""

SIGNED_IN = """
    from syncline import App
    from syncline.auth import OpenIDConnect

    app = App(auth=[OpenIDConnect(issuer="https://id.example.com", audience="app")])
"""


def audited(folder: Path, *arguments: str, code: int = 1) -> dict[tuple[str, str], dict[str, Any]]:
    """Findings by (rule, what is said)."""
    done = syncline("audit", "--json", *arguments, folder=folder)
    assert done.returncode == code, done.stdout + done.stderr
    return {(found["rule"], found["what"]): found for found in json.loads(done.stdout)["findings"]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_application(tmp_path, schema=SCHEMA, things=FUNCTIONS)
    return tmp_path


def test_every_kind_of_finding_has_place_reason_and_remedy(folder: Path) -> None:
    found = audited(folder)
    assert set(found) == {
        ("access", "Item has no `access`"),
        ("identity", "things:by_name never looks at who is calling"),
        ("identity", "things:in_shop never looks at who is calling"),
        ("identity", "things:coded never looks at who is calling"),
        ("no-index", "no index of items serves name"),
        ("no-index", "items.by_shop does not serve name"),
        ("no-index", "notes.by_user does not serve tags"),
        ("unique-owner", "notes.by_slug is unique over all owners"),
        ("unrestricted", "things:peek uses the database or files without their rules"),
        ("unused-index", "nothing uses items.by_count"),
    }
    for finding in found.values():
        assert finding["file"] in ("backend/things.py", "backend/schema.py")
        assert finding["line"] > 0 and finding["why"] and finding["fix"]
    assert found["no-index", "no index of items serves name"] == {
        "rule": "no-index",
        "severity": "warning",
        "file": "backend/things.py",
        "line": 14,
        "column": 48,
        "what": "no index of items serves name",
        "why": "every document of the table is read each time, and every change to it reruns the query",
        "fix": 'add to Item: by_name = Index("name")',
    }
    partial = found["no-index", "items.by_shop does not serve name"]
    assert (partial["severity"], partial["fix"]) == (
        "hint",
        'add to Item: by_shop_name = Index("shop", "name")',
    )
    assert found["unused-index", "nothing uses items.by_count"]["line"] == 22


def test_what_is_a_hint_becomes_an_error_when_people_sign_in(folder: Path) -> None:
    found = audited(folder)
    assert found["access", "Item has no `access`"]["severity"] == "hint"
    assert found["identity", "things:coded never looks at who is calling"]["severity"] == "hint"
    write_application(folder, app=SIGNED_IN)
    found = audited(folder)
    assert found["access", "Item has no `access`"]["severity"] == "error"
    assert found["identity", "things:coded never looks at who is calling"]["severity"] == "warning"


def test_hints_fail_only_if_strict(tmp_path: Path) -> None:
    schema = """
        from syncline import Document, QueryCtx, query

        class Item(Document):
            name: str

        @query
        def one(ctx: QueryCtx) -> Item | None:
            return ctx.db.query(Item).first()
    """
    write_application(tmp_path, items=schema)
    done = syncline("audit", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert (
        done.stdout == "\n  nothing found, 2 hints (syncline audit --hints) in 1 function; looked at source\n"
    )
    assert "Item has no `access`" in syncline("audit", "--hints", folder=tmp_path).stdout
    assert syncline("audit", "--strict", folder=tmp_path).returncode == 1


def test_a_waiver_with_its_reason_hides_a_finding(folder: Path) -> None:
    line = "return ctx.db.query(Item).where(name=name).unique()"
    write_application(
        folder,
        things=FUNCTIONS.replace(line, "# syncline: allow(no-index): twelve rows\n        " + line),
        schema=SCHEMA.replace('Index("count")', 'Index("count")  # syncline: allow(unused-index)'),
    )
    found = audited(folder)
    assert ("no-index", "no index of items serves name") not in found
    assert ("unused-index", "nothing uses items.by_count") not in found
    assert ("waiver", "the waiver of unused-index gives no reason") in found


def test_the_data_say_what_could_be_unique(folder: Path) -> None:
    for name, code in (("a", "1"), ("b", "2")):
        syncline("run", "things:put", json.dumps({"name": name, "shop": "s", "code": code}), folder=folder)
    found = audited(folder)
    candidates = {what: each for (rule, what), each in found.items() if rule == "unique-candidate"}
    assert sorted(candidates) == [
        "one document is looked for by code, shop, and no two of the 2 stored ones repeat it",
        "one document is looked for by name, and no two of the 2 stored ones repeat it",
    ]
    fixes = [candidates[what]["fix"] for what in sorted(candidates)]
    assert fixes == [
        'declare it: by_shop_code = Index("shop", "code", unique=True)',
        'declare it: by_name = Index("name", unique=True)',
    ]
    syncline("run", "things:put", '{"name": "a", "shop": "s", "code": "3"}', folder=folder)
    found = audited(folder)
    broken = found["unique-candidate", ".unique() by name, but 1 of 3 documents repeat another's"]
    assert broken["severity"] == "warning"


def test_a_running_server_tells_of_queries_that_the_source_hides_and_of_limits(tmp_path: Path) -> None:
    source = """
        from syncline import Document, MutationCtx, QueryCtx, mutation, query

        class Item(Document):
            name: str

        @query
        def hidden(ctx: QueryCtx, field: str) -> int:
            return len(ctx.db.query(Item).where(**{field: "x"}).all())

        @mutation
        def put(ctx: MutationCtx) -> None:
            for number in range(6):
                ctx.db.insert(Item(name="x"))
    """
    write_application(tmp_path, items=source)
    (tmp_path / "pyproject.toml").write_text("[tool.syncline.limits]\nread_documents = 10\n")
    assert not any(rule in ("no-index", "near-limit") for rule, _ in audited(tmp_path, code=0))
    with serving(tmp_path):
        syncline("run", "items:put", folder=tmp_path)
        syncline("run", "items:hidden", '{"field": "name"}', folder=tmp_path)
        found = audited(tmp_path)
    slow = found["no-index", "items:hidden ran queries that no index serves whole: 1 so far"]
    assert (slow["file"], slow["line"], slow["fix"]) == (
        "backend/items.py",
        7,
        "see which: syncline explain items:hidden",
    )
    assert (
        found["near-limit", "items:hidden has used 6 of read_documents (the limit is 10)"]["severity"]
        == "warning"
    )


def test_documents_of_syncline_are_not_for_the_application_to_put_in_order(tmp_path: Path) -> None:
    source = """
        from syncline import App, Id, MutationCtx, QueryCtx, ScheduledJob, StoredFile, UserProfile, mutation, query

        @query
        def files(ctx: QueryCtx) -> list[StoredFile]:
            return ctx.db.query(StoredFile).where(size=3).all()

        @query
        def people(ctx: QueryCtx) -> list[UserProfile]:
            ctx.auth.require()
            return ctx.db.query(UserProfile).all()

        @mutation
        def jobs(ctx: MutationCtx) -> str | None:
            ctx.auth.require()
            job = ctx.db.unrestricted.query(ScheduledJob).first()  # syncline: allow(unrestricted): it is shown to nobody
            return None if job is None else job.name
    """
    write_application(tmp_path, app=SIGNED_IN, things=source)
    found = audited(tmp_path)
    assert [rule for rule, _ in found] == ["no-index"]


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ('owned_by("user_id")', 1),
        ('public_read(owner="user_id")', 1),
        ('members("team", via=by_user, field="team")', 0),
        ("private", 0),
    ],
)
def test_memberships_that_anybody_may_write_for_himself_are_found(
    tmp_path: Path, rule: str, said: int
) -> None:
    schema = f"""
        from syncline import Document, Index, members, owned_by, private, public_read

        class Seat(Document):
            user_id: str
            team: str
            by_user = Index("user_id")
            by_team = Index("team")
            access = {rule}

        class Task(Document):
            team: str
            by_team = Index("team")
            access = members("team", via=Seat.by_user, field="team")
    """
    write_application(tmp_path, schema=schema)
    done = syncline("audit", "--json", folder=tmp_path)
    found = [each for each in json.loads(done.stdout)["findings"] if each["rule"] == "open-membership"]
    assert [each["what"] for each in found] == ["any caller can insert Seat rows that open tasks"] * said
    assert all(each["severity"] == "warning" and each["file"].endswith("schema.py") for each in found)


def test_a_public_function_that_schedules_a_public_one_is_told_that_no_rules_hold_there(
    tmp_path: Path,
) -> None:
    source = """
        from syncline import Id, MutationCtx, mutation
        from .schema import Note

        @mutation
        def remove(ctx: MutationCtx, id: Id[Note]) -> None:
            ctx.db.delete(id)

        @mutation(internal=True)
        def sweep(ctx: MutationCtx) -> None:
            ctx.scheduler.after(60, remove, id=ctx.db.query(Note).all()[0].id)

        @mutation
        def remove_later(ctx: MutationCtx, id: Id[Note]) -> None:
            ctx.scheduler.after(60, remove, id=id)
            ctx.scheduler.after(60, sweep)
    """
    write_application(tmp_path, schema=SCHEMA, things=source)
    done = syncline("audit", "--json", "--hints", folder=tmp_path)
    found = [each["what"] for each in json.loads(done.stdout)["findings"] if each["rule"] == "scheduled"]
    assert found == ["things:remove_later schedules things:remove, which will run without rules"]
