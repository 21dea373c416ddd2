"""What a running server says of its functions, and to whom."""

from __future__ import annotations

from pathlib import Path

import httpx

from support.applications import write_application
from support.processes import serving, syncline

ITEMS = """
    from syncline import Document, Index, MutationCtx, QueryCtx, mutation, query

    class Item(Document):
        name: str

        by_name = Index("name")

    @query
    def named(ctx: QueryCtx, name: str) -> int:
        return len(ctx.db.query(Item).where(name=name).all())

    @mutation
    def put(ctx: MutationCtx, name: str) -> None:
        ctx.db.insert(Item(name=name))
"""


def test_admins_are_told_what_functions_used_and_nobody_else(tmp_path: Path) -> None:
    write_application(tmp_path, items=ITEMS)
    with serving(tmp_path, "start") as server:
        syncline("run", "items:put", '{"name": "a"}', folder=tmp_path)
        syncline("run", "items:named", '{"name": "a"}', folder=tmp_path)
        for path in ("/api/statistics", "/api/reruns?path=items:named"):
            refused = httpx.get(server.url + path)
            assert (refused.status_code, refused.json()["code"]) == (403, "BadDeployKey")
        key = (tmp_path / ".syncline" / "admin_key").read_text().strip()
        told = httpx.get(f"{server.url}/api/statistics", headers={"Authorization": f"Convex {key}"}).json()
        functions = {each["path"]: each for each in told["functions"]}
        assert functions["items:named"]["calls"] == 1 and functions["items:named"]["documentsRead"] == 1
        assert functions["items:put"]["maxDocumentsWritten"] == 1
        assert told["indexesUsed"] == ["items.by_name"]
        reruns = httpx.get(
            f"{server.url}/api/reruns?path=items:named", headers={"Authorization": f"Convex {key}"}
        )
        assert reruns.json() == {"reruns": []}
