"""`syncline explain`: what a function reads, by which index, what would rerun it and what did."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from support.applications import write_application
from support.processes import SYNCLINE, environment, serving, syncline

ITEMS = """
    from syncline import ActionCtx, Page, PaginationOptions, SearchIndex, Document, Id, Index, MutationCtx, QueryCtx, action, contains, gt, mutation, query

    class Item(Document):
        name: str
        shop: str = "a"
        count: int = 0
        tags: list[str] = []

        by_shop = Index("shop")
        by_tag = Index("tags", each=True)
        search_name = SearchIndex("name", filters=("shop",))

    @query(name="list")
    def list_items(ctx: QueryCtx, shop: str) -> list[Item]:
        return ctx.db.query(Item).where(shop=shop, count=gt(2)).take(5)

    @query
    def named(ctx: QueryCtx) -> list[str]:
        print("looking")
        return [item.name for item in ctx.db.query(Item).where(name="b")]

    @query
    def several(ctx: QueryCtx) -> int:
        ids = [item.id for item in ctx.db.query(Item).filter(lambda item: item.count > 3)]
        found = [ctx.db.get(id) for id in ids]
        who = ctx.auth.identity
        return len(found) + ctx.db.query(Item).index(Item.by_shop, shop="a").count() + (ctx.now is None) + (who is not None)

    @query
    def tagged(ctx: QueryCtx) -> int:
        return len(ctx.db.query(Item).where(tags=contains("x"), shop="a").all())

    @query
    def searched(ctx: QueryCtx) -> int:
        return len(ctx.db.query(Item).search(Item.search_name, "b", shop="a").take(2))

    @query
    def page(ctx: QueryCtx, options: PaginationOptions) -> Page[Item]:
        return ctx.db.query(Item).paginate(options)

    @query
    def nothing(ctx: QueryCtx) -> int:
        return 3

    @query
    def broken(ctx: QueryCtx) -> int:
        ctx.db.query(Item).first()
        raise ValueError("a bug")

    @mutation
    def put(ctx: MutationCtx, name: str, count: int = 0) -> None:
        ctx.db.insert(Item(name=name, count=count))

    @action
    async def act(ctx: ActionCtx) -> None: ...
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("explain")
    write_application(folder, items=ITEMS)
    code = "for number in range(1, 6): run(items.put, name='ab'[number % 2], count=number)"
    done = syncline("shell", "-c", code, folder=folder)
    assert done.returncode == 0, done.stderr
    return folder


def explained(folder: Path, *arguments: str) -> dict[str, Any]:
    done = syncline("explain", *arguments, "--json", folder=folder)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_each_read_says_index_range_rows_and_what_would_serve_it(folder: Path) -> None:
    found = explained(folder, "items:list", '{"shop": "a"}')
    assert found["reads"] == [
        {
            "what": "query",
            "table": "items",
            "index": "items.by_shop",
            "ranges": ['shop = "a"'],
            "scanned": 5,
            "kept": 3,
            "filtered": 2,
            "bytes": found["bytes_read"],
            "left_out_by": ["count"],
            "sorted": True,
            "advice": 'add to Item: by_shop_count = Index("shop", "count")',
        }
    ]
    assert found["read_set"] == [{"index": "items.by_shop", "range": 'shop = "a"'}]
    assert (found["kind"], found["documents_read"], found["error"], found["reruns"]) == (
        "query",
        5,
        None,
        None,
    )


def test_filters_documents_by_id_counts_and_who_is_calling_are_told_apart(folder: Path) -> None:
    found = explained(folder, "items:several")
    told = [
        (read["what"], read["index"], read["scanned"], read["kept"], read["left_out_by"])
        for read in found["reads"]
    ]
    assert told == [
        ("query", "items by creation", 5, 2, ["filter"]),
        ("get", "items by id", 2, 2, []),
        ("count", "items.by_shop", 5, 5, []),
    ]
    assert "put what .filter(...) asks for into .where(...)" in found["reads"][0]["advice"]
    assert [note.partition(":")[0] for note in found["notes"]] == [
        "it looks at who is calling",
        "it uses ctx.now",
    ]
    ranges = {(item["index"], item["range"]) for item in found["read_set"]}
    assert ("items by creation", "all") in ranges and ("items.by_shop", 'shop = "a"') in ranges
    assert sum(index == "items by id" for index, _ in ranges) == 2


def test_an_index_with_each_is_proposed_where_it_serves(folder: Path) -> None:
    (read,) = explained(folder, "items:tagged")["reads"]
    assert read["advice"] == 'add to Item: by_tag_shop = Index("tags", "shop", each=True)'


def test_a_search_is_a_read_and_the_documents_that_it_found_are_others(folder: Path) -> None:
    found = explained(folder, "items:searched")
    told = [(read["what"], read["index"], read["scanned"]) for read in found["reads"]]
    assert sorted(told) == [("get", "items by id", 2), ("search", "items.search_name", 0)]
    assert {"index": "items.search_name", "range": "what the search looks for"} in found["read_set"]


def test_the_pages_of_a_query_can_be_explained_by_their_cursors(folder: Path) -> None:
    options = {"paginationOpts": {"numItems": 2, "cursor": None}}
    page = json.loads(syncline("run", "items:page", json.dumps(options), "--json", folder=folder).stdout)
    options["paginationOpts"]["cursor"] = page["continueCursor"]
    (read,) = explained(folder, "items:page", json.dumps(options))["reads"]
    assert (read["index"], read["scanned"]) == ("items by creation", 2)


def test_text_is_for_people(folder: Path) -> None:
    done = syncline("explain", "items:named", folder=folder)
    lines = done.stdout.splitlines()
    assert done.returncode == 0
    assert lines[0].startswith("  items:named  query, ") and ", 5 documents read (" in lines[0]
    assert lines[2:5] == [
        "   1  items by creation  all",
        lines[3],
        '      help: add to Item: by_name = Index("name")',
    ]
    assert lines[3].startswith("      5 rows scanned, 3 kept, 2 left out by name, ")
    assert lines[6:8] == [
        "  runs again when something is inserted, changed or deleted in",
        "    items by creation  all",
    ]
    assert done.stderr == "[LOG] 'looking'\n"
    assert (
        "    nothing: the result never changes" in syncline("explain", "items:nothing", folder=folder).stdout
    )


def test_what_a_mutation_writes_is_taken_back(folder: Path) -> None:
    before = (folder / ".syncline" / "syncline.db").read_bytes()
    found = explained(folder, "items:put", '{"name": "z"}')
    assert (found["kind"], found["documents_written"]) == ("mutation", 1)
    assert (folder / ".syncline" / "syncline.db").read_bytes() == before
    assert syncline("run", "items:list", '{"shop": "z"}', "--json", folder=folder).stdout == "[]\n"


def test_failures_show_what_was_read_before(folder: Path) -> None:
    done = syncline("explain", "items:broken", folder=folder)
    assert done.returncode == 1
    assert "   1  items by creation  all" in done.stdout
    assert "a bug" in done.stderr
    for arguments, said in [
        (("items:act",), "error: items:act is an action: it has no database of its own"),
        (("items:lst",), "Did you mean 'items:list'?"),
    ]:
        done = syncline("explain", *arguments, folder=folder)
        assert done.returncode == 1 and said in done.stderr


def test_a_running_server_says_why_its_live_queries_ran_again(folder: Path) -> None:
    with serving(folder):
        watch = subprocess.Popen(
            [SYNCLINE, "watch", "items:list", '{"shop": "a"}', "--json"],
            cwd=folder,
            env=environment(),
            stdout=subprocess.PIPE,
        )
        with watch:
            assert watch.stdout is not None
            watch.stdout.readline()
            syncline("run", "items:put", '{"name": "q", "count": 9}', folder=folder)
            watch.stdout.readline()
            (rerun,) = explained(folder, "items:list", '{"shop": "a"}')["reruns"]
            assert (rerun["args"], rerun["table"], rerun["index"]) == (
                {"shop": "a"},
                "items",
                "items.by_shop",
            )
            assert rerun["key"].startswith('shop = "a", id ')
            assert (
                "items.by_shop  shop = "
                in syncline("explain", "items:list", '{"shop": "a"}', folder=folder).stdout
            )
            watch.send_signal(signal.SIGINT)
        said = syncline("explain", "items:nothing", folder=folder).stdout
        assert "on the running server: none of its live queries ran again lately" in said


def test_a_server_with_other_code_is_named_instead_of_changed(folder: Path, tmp_path: Path) -> None:
    write_application(
        tmp_path, items=ITEMS.replace('by_shop = Index("shop")', 'by_shop = Index("shop", "count")')
    )
    with serving(folder):
        data = str(folder / ".syncline")
        done = syncline("explain", "items:named", "--data", data, folder=tmp_path)
        assert done.returncode == 1
        assert "runs with other code than that in " in done.stderr
        assert "help: let it load this code" in done.stderr
