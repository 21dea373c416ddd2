"""Generated TypeScript: exact types for editors, and compilation against the official client that accepts right code
and refuses each kind of wrong code."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from support.engines import write_backend
from support.node import node_modules
from syncline.codegen import GeneratedFiles, generate
from syncline.functions import load_application

__all__ = ["node_modules"]

SCHEMA = '''
    from datetime import date, datetime
    from decimal import Decimal
    from enum import Enum
    from typing import Any, Literal, TypedDict
    from uuid import UUID

    from syncline import Document, Id, Index, Int64


    class Color(Enum):
        RED = "red"
        BLUE = "blue"


    class Place(TypedDict):
        city: str
        zip: str | None


    class User(Document):
        """Somebody who writes."""

        name: str


    class Message(Document):
        channel: str
        author: Id[User]
        likes: int = 0
        big: Int64 = Int64(0)
        photo: bytes | None = None
        tags: list[str] = []
        counts: dict[str, int] = {}
        color: Color = Color.RED
        size: Literal["s", "l", 3] = "s"
        place: Place | None = None
        sent: datetime | None = None
        day: date | None = None
        key: UUID | None = None
        price: Decimal | None = None
        extra: Any = None
'''
FUNCTIONS = '''
    from syncline import (
        ActionCtx, Id, Int64, MutationCtx, Page, PaginationOptions, QueryCtx, action, mutation, query,
    )
    from .schema import Message, User


    @query(name="list")
    def list_messages(ctx: QueryCtx, channel: str, limit: int = 50) -> list[Message]:
        """The newest first.

        A second line with */ in it.
        """
        return []

    @query
    def count(ctx: QueryCtx) -> int:
        return 0

    @query
    def page(ctx: QueryCtx, channel: str, options: PaginationOptions) -> Page[Message]:
        return ctx.db.query(Message).paginate(options)

    @mutation
    def send(ctx: MutationCtx, channel: str, author: Id[User], body: str | None = None) -> Id[Message]:
        return ctx.db.insert(Message(channel=channel, author=author))

    @mutation
    def add(ctx: MutationCtx, amount: Int64, rows: list[list[int] | None]) -> None:
        pass

    @mutation(internal=True)
    def sweep(ctx: MutationCtx) -> None:
        pass

    @action
    async def summarize(ctx: ActionCtx, ids: list[Id[Message]]) -> dict[str, float]:
        return {}
'''


@pytest.fixture
def files(tmp_path: Path) -> GeneratedFiles:
    backend = write_backend(tmp_path, schema=SCHEMA, messages=FUNCTIONS)
    (backend / "admin").mkdir()
    (backend / "admin" / "users.py").write_text(
        "from syncline import MutationCtx, mutation\n\n@mutation\ndef ban(ctx: MutationCtx, name: str) -> None: ...\n"
    )
    release = load_application(backend)
    return generate(release.registry, release.schema)


def test_functions_have_exact_types(files: GeneratedFiles) -> None:
    text = files.contents["api.d.ts"]
    for line in (
        'count: FunctionReference<"query", "public", Record<string, never>, number>;',
        'list: FunctionReference<"query", "public", { channel: string; limit?: number }, Doc<"messages">[]>;',
        'page: FunctionReference<"query", "public", { channel: string; paginationOpts: PaginationOptions }, '
        'PaginationResult<Doc<"messages">>>;',
        'send: FunctionReference<"mutation", "public", { channel: string; author: Id<"users">; body?: string | null }, '
        'Id<"messages">>;',
        'add: FunctionReference<"mutation", "public", { amount: bigint; rows: (number[] | null)[] }, null>;',
        'summarize: FunctionReference<"action", "public", { ids: Id<"messages">[] }, Record<string, number>>;',
        '  admin: {\n    users: {\n      ban: FunctionReference<"mutation", "public", { name: string }, null>;',
        "     * A second line with *\\/ in it.",
    ):
        assert line in text
    assert "sweep" not in text


def test_documents_have_exact_types(files: GeneratedFiles) -> None:
    text = files.contents["dataModel.d.ts"]
    for line in (
        '_id: Id<"messages">;',
        "_creationTime: number;",
        'author: Id<"users">;',
        "likes: number;",
        "big: bigint;",
        "photo: ArrayBuffer | null;",
        "tags: string[];",
        "counts: Record<string, number>;",
        'color: "red" | "blue";',
        'size: "s" | "l" | 3;',
        "place: { city: string; zip: string | null } | null;",
        "sent: number | null;",
        "day: string | null;",
        "key: string | null;",
        "price: string | null;",
        "extra: any;",
        "  /** Somebody who writes. */\n  users: {",
    ):
        assert line in text


def test_files_are_written_only_when_they_change(files: GeneratedFiles, tmp_path: Path) -> None:
    folder = tmp_path / "web" / "_generated"
    assert sorted(files.write(folder)) == ["api.d.ts", "api.js", "dataModel.d.ts"]
    assert files.write(folder) == []
    (folder / "api.d.ts").write_text("// edited")
    assert files.stale(folder) == ["api.d.ts"]


RIGHT = """
import { useAction, useMutation, usePaginatedQuery, useQuery } from "convex/react";
import { ConvexHttpClient } from "convex/browser";
import { api } from "./_generated/api.js";
import type { Doc, Id } from "./_generated/dataModel.js";

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function same<A, B>(_: Same<A, B>): void {}

export function Right({ user }: { user: Id<"users"> }) {
  const messages = useQuery(api.messages.list, { channel: "a" });
  same<typeof messages, Doc<"messages">[] | undefined>(true);
  useQuery(api.messages.list, { channel: "a", limit: 3 });
  useQuery(api.messages.list, "skip");
  const count = useQuery(api.messages.count);
  same<typeof count, number | undefined>(true);
  const page = usePaginatedQuery(api.messages.page, { channel: "a" }, { initialNumItems: 5 });
  same<typeof page.results, Doc<"messages">[]>(true);
  const send = useMutation(api.messages.send).withOptimisticUpdate((store, { channel }) => {
    const shown = store.getQuery(api.messages.list, { channel });
    if (shown) store.setQuery(api.messages.list, { channel }, [...shown]);
  });
  void send({ channel: "a", author: user }).then((id: Id<"messages">) => id);
  void useMutation(api.messages.add)({ amount: 5n, rows: [[1], null] });
  void useAction(api.messages.summarize)({ ids: [] }).then((sums: Record<string, number>) => sums);
  void useMutation(api.admin.users.ban)({ name: "x" });
  const photo: ArrayBuffer | null | undefined = messages?.[0]?.photo;
  return photo ? messages?.length : null;
}
void new ConvexHttpClient("http://x").query(api.messages.count);
"""
#: One expression per kind of mistake; each must be refused.
WRONG = {
    "a wrong type": "useQuery(api.messages.list, { channel: 5 })",
    "a missing argument": "useQuery(api.messages.list, {})",
    "a surplus argument": 'useQuery(api.messages.list, { channel: "a", extra: 1 })',
    "an id of another table": 'useMutation(api.messages.send)({ channel: "a", author: "" as Id<"messages"> })',
    "a plain string as an id": 'useMutation(api.messages.send)({ channel: "a", author: "abc" })',
    "an unknown function": "useQuery(api.messages.missing, {})",
    "an internal function": "useMutation(api.messages.sweep)",
    "an unknown module": "useQuery(api.nothing.at, {})",
    "a mutation as a query": 'useQuery(api.messages.send, { channel: "a" } as never)',
    "a query as a mutation": "useMutation(api.messages.count)",
    "a query that does not paginate": 'usePaginatedQuery(api.messages.list, { channel: "a" }, { initialNumItems: 5 })',
    "a number for a bigint": "useMutation(api.messages.add)({ amount: 5, rows: [] })",
    "a field that a document does not have": 'useQuery(api.messages.list, { channel: "a" })![0]!.bodi',
    "null for what may be left out only": 'useQuery(api.messages.list, { channel: "a", limit: null })',
}
CONFIGURATION = {
    "compilerOptions": {
        "strict": True,
        "noEmit": True,
        "target": "ES2022",
        "module": "ESNext",
        "moduleResolution": "bundler",
        "jsx": "react-jsx",
        "skipLibCheck": False,
        "noUncheckedIndexedAccess": True,
        "exactOptionalPropertyTypes": True,
        "types": [],
        "lib": ["ES2022", "DOM"],
    },
    "files": ["right.tsx", "wrong.tsx"],
}


def compile_typescript(folder: Path, modules: Path) -> list[str]:
    """What tsc says about the files in `folder`, a line each."""
    (folder / "node_modules").symlink_to(modules / "node_modules")
    (folder / "tsconfig.json").write_text(json.dumps(CONFIGURATION))
    tsc = modules / "node_modules" / ".bin" / "tsc"
    done = subprocess.run([str(tsc), "-p", "."], cwd=folder, capture_output=True, text=True, check=False)
    return [line for line in done.stdout.splitlines() if re.match(r"\S", line)]


@pytest.mark.node
def test_right_code_compiles_and_every_kind_of_wrong_code_does_not(
    files: GeneratedFiles, tmp_path: Path, node_modules: Path
) -> None:
    web = tmp_path / "web"
    files.write(web / "_generated")
    (web / "right.tsx").write_text(RIGHT)
    head = RIGHT.split("type Same")[0]
    lines = [f"export const e{number} = () => {code};" for number, code in enumerate(WRONG.values())]
    (web / "wrong.tsx").write_text(head + "\n".join(lines) + "\n")
    found = compile_typescript(web, node_modules)
    refused = {int(match[1]) for line in found if (match := re.match(r"wrong\.tsx\((\d+),", line))}
    first = len(head.splitlines()) + 1
    accepted = [kind for number, kind in enumerate(WRONG) if first + number not in refused]
    assert accepted == []
    assert [line for line in found if not line.startswith("wrong.tsx") or "TS6133" in line] == []


@pytest.mark.node
def test_two_hundred_functions_compile(tmp_path: Path, node_modules: Path) -> None:
    tables = "\n".join(
        f"class Thing{n}(Document):\n    " + "\n    ".join(f"field{m}: int = 0" for m in range(14)) + "\n"
        for n in range(50)
    )
    functions = "\n".join(
        f"@query\ndef get{n}(ctx: QueryCtx, id: Id[Thing{n % 50}]) -> Thing{n % 50} | None:\n    return ctx.db.get(id)\n"
        for n in range(200)
    )
    backend = tmp_path / "backend"
    backend.mkdir()
    (backend / "things.py").write_text(
        f"from syncline import Document, Id, QueryCtx, query\n\n{tables}\n{functions}"
    )
    release = load_application(backend)
    web = tmp_path / "web"
    generate(release.registry, release.schema).write(web / "_generated")
    head = 'import { useQuery } from "convex/react";\nimport { api } from "./_generated/api.js";\n'
    head += 'import type { Id } from "./_generated/dataModel.js";\n'
    uses = "".join(
        f'export const u{n} = () => useQuery(api.things.get{n}, {{ id: "" as Id<"thing{n % 50}s"> }})?.field3;\n'
        for n in range(200)
    )
    (web / "right.tsx").write_text(head + uses)
    (web / "wrong.tsx").write_text("export {};\n")
    assert compile_typescript(web, node_modules) == []


@pytest.mark.node
def test_documents_of_syncline_that_functions_give_away_have_types_too(
    tmp_path: Path, node_modules: Path
) -> None:
    people = """
        from syncline import Id, OrganizationMember, QueryCtx, StoredFile, UserProfile, query

        @query
        def me(ctx: QueryCtx) -> UserProfile | None:
            return ctx.auth.user()

        @query
        def colleagues(ctx: QueryCtx, file: Id[StoredFile]) -> list[OrganizationMember]:
            return ctx.db.query(OrganizationMember).all()

        @query(internal=True)
        def files(ctx: QueryCtx) -> list[StoredFile]:
            return ctx.db.query(StoredFile).all()
    """
    release = load_application(write_backend(tmp_path, people=people))
    files = generate(release.registry, release.schema)
    model = files.contents["dataModel.d.ts"]
    assert re.findall(r"^  (\w+): \{", model, re.M) == ["_organization_members", "_users"]
    web = tmp_path / "web"
    files.write(web / "_generated")
    (web / "right.tsx").write_text(
        """
        import { useQuery } from "convex/react";
        import { api } from "./_generated/api.js";
        import type { Id } from "./_generated/dataModel.js";

        export function useNames(file: Id<"_storage">): (string | undefined)[] {
          const roles: string[] | undefined = useQuery(api.people.colleagues, { file })?.map((each) => each.role);
          const since: number | undefined = useQuery(api.people.me)?.since;
          return [useQuery(api.people.me)?.name, since?.toFixed(), ...(roles ?? [])];
        }
        """
    )
    (web / "wrong.tsx").write_text("export {};\n")
    assert compile_typescript(web, node_modules) == []
