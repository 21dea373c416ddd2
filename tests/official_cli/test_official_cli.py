"""The official command line, unmodified, against a real server with nothing but its address and the admin key."""

from __future__ import annotations

import json
import os
import subprocess
import zipfile
from collections.abc import Generator
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.imports import document_id, lines, write_zip
from support.node import node_modules
from support.serving import Running, running

pytestmark = pytest.mark.node

__all__ = ["node_modules"]

SCHEMA = """
    from syncline import Document, Id, Index, Int64

    class Author(Document):
        name: str

    class Post(Document):
        author: Id[Author] | None
        text: str
        likes: Int64 = Int64(0)
        score: float = 0.0

        by_author = Index("author")
"""
POSTS = """
    from syncline import Id, Int64, MutationCtx, QueryCtx, action, ActionCtx, mutation, query
    from .schema import Author, Post

    @query(name="list")
    def list_posts(ctx: QueryCtx, author: Id[Author] | None = None) -> list[Post]:
        return ctx.db.query(Post).where(author=author).all()

    @mutation
    def add(ctx: MutationCtx, text: str) -> Id[Post]:
        print("adding", text)
        return ctx.db.insert(Post(author=None, text=text))

    @mutation(internal=True)
    def secret(ctx: MutationCtx) -> str:
        return "internal"

    @query
    def variable(ctx: QueryCtx, name: str) -> str | None:
        return ctx.env.get(name)

    @query
    def me(ctx: QueryCtx) -> str | None:
        identity = ctx.auth.identity
        return None if identity is None else identity.name

    @mutation
    def broken(ctx: MutationCtx) -> None:
        raise ValueError("a bug")
"""


class Project:
    """A folder of a frontend, whose `npx convex` talks to the server."""

    def __init__(self, folder: Path, modules: Path, server: Running) -> None:
        self.folder = folder
        self.server = server
        (folder / "package.json").write_text('{"dependencies": {"convex": "*"}}')
        (folder / "node_modules").symlink_to(modules / "node_modules")
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("CONVEX_")},
            "CONVEX_SELF_HOSTED_URL": server.url,
            "CONVEX_SELF_HOSTED_ADMIN_KEY": server.admin_key,
            "NO_COLOR": "1",
        }

    def admin(self, method: str, path: str, body: object = None) -> httpx.Response:
        """What the server answers to a request with the admin key."""
        headers = {"Authorization": f"Convex {self.server.admin_key}"}
        return httpx.request(method, self.server.url + path, headers=headers, json=body, timeout=30)

    def start(self, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["node", "node_modules/convex/bin/main.js", *arguments],
            cwd=self.folder,
            env={**self._environment, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """The command run to its end."""
        with self.start(*arguments, **variables) as process:
            try:
                stdout, stderr = process.communicate(timeout=60)
            finally:
                process.kill()
        return subprocess.CompletedProcess(arguments, process.returncode, stdout, stderr)

    def output(self, *arguments: str) -> str:
        """What a command that must succeed prints."""
        done = self.run(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, node_modules: Path) -> Generator[Project, None, None]:
    with running(
        tmp_path_factory.mktemp("app"),
        {"__init__": "", "schema": SCHEMA, "posts": POSTS},
        url="https://api.example.com",
    ) as server:
        yield Project(tmp_path_factory.mktemp("frontend"), node_modules, server)


def test_run_calls_functions_internal_ones_too(project: Project) -> None:
    id = json.loads(project.output("run", "posts:add", '{"text": "run"}'))
    assert any(post["_id"] == id for post in project.server.value("query", "posts:list"))
    assert json.loads(project.output("run", "posts:secret")) == "internal"
    identity = '{"name": "Ada", "subject": "1", "issuer": "https://example.com"}'
    assert json.loads(project.output("run", "posts:me", "--identity", identity)) == "Ada"


def test_run_of_a_function_that_is_not_there_lists_those_that_are(project: Project) -> None:
    done = project.run("run", "posts:nope")
    assert done.returncode == 1
    assert "Could not find function for 'posts:nope'" in done.stderr
    assert "posts:add" in done.stderr


def test_run_watches_a_query(project: Project) -> None:
    with project.start("run", "posts:variable", '{"name": "WATCHED"}', "--watch") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "null\n"
        changes = {"changes": [{"name": "WATCHED", "value": "yes"}]}
        assert project.admin("POST", "/api/update_environment_variables", changes).status_code == 200
        assert process.stdout.readline() == '"yes"\n'
        process.kill()


def test_data_lists_tables_and_documents(project: Project) -> None:
    project.server.value("mutation", "posts:add", text="shown")
    assert project.output("data") == "authors\nposts\n"
    [row] = project.output("data", "posts", "--limit", "1", "--format", "jsonLines").splitlines()
    assert '"text": "shown"' in row
    assert '"likes": 0n' in row
    assert "There are no documents in this table." in project.run("data", "nowhere").stderr


def test_function_spec_describes_arguments_and_results(project: Project) -> None:
    spec: dict[str, Any] = json.loads(project.output("function-spec"))
    assert spec["url"] == "https://api.example.com"
    by_name = {item["identifier"]: item for item in spec["functions"]}
    assert set(by_name) == {
        f"posts.js:{name}" for name in ("add", "broken", "list", "me", "secret", "variable")
    }
    add = by_name["posts.js:add"]
    assert add["functionType"] == "Mutation"
    assert add["args"] == {
        "type": "object",
        "value": {"text": {"fieldType": {"type": "string"}, "optional": False}},
    }
    assert add["returns"] == {"type": "id", "tableName": "posts"}
    assert by_name["posts.js:secret"]["visibility"] == {"kind": "internal"}


def test_env_sets_shows_and_removes_variables(project: Project) -> None:
    project.output("env", "set", "COLOR", "deep blue")
    assert project.output("env", "get", "COLOR") == "deep blue\n"
    assert json.loads(project.output("run", "posts:variable", '{"name": "COLOR"}')) == "deep blue"
    assert "COLOR" in project.output("env", "list")
    project.output("env", "remove", "COLOR")
    assert (
        "COLOR" not in project.admin("GET", "/api/list_environment_variables").json()["environmentVariables"]
    )
    refused = project.admin(
        "POST", "/api/update_environment_variables", {"changes": [{"name": "SYNCLINE_PORT", "value": "1"}]}
    )
    assert refused.status_code == 400
    assert "SYNCLINE_PORT is a setting of the server itself" in refused.json()["message"]


def test_export_and_import_move_everything_there_and_back(project: Project) -> None:
    project.server.value("mutation", "posts:add", text="moved")
    project.output("export", "--include-file-storage", "--path", "out.zip")
    with zipfile.ZipFile(project.folder / "out.zip") as archive:
        rows = [json.loads(line) for line in archive.read("posts/documents.jsonl").splitlines()]
    assert "moved" in [row["text"] for row in rows]
    done = project.run("import", "--replace", "--yes", "out.zip")
    assert done.returncode == 0, done.stderr
    assert f"Added {len(rows)} documents" in done.stderr
    project.output("export", "--include-file-storage", "--path", "again.zip")
    assert (project.folder / "again.zip").read_bytes() == (project.folder / "out.zip").read_bytes()


def test_an_application_of_convex_moves_in(project: Project) -> None:
    author, post = document_id(10_042, 1), document_id(10_041, 1)
    tables = [{"name": "authors", "id": 10_042}, {"name": "posts", "id": 10_041}]
    row = {"_id": post, "_creationTime": 1.7e12, "author": author, "text": "hi", "likes": 7, "score": 1.5}
    write_zip(
        project.folder / "app.zip",
        {
            "README.md": "# Welcome to your Convex snapshot export!",
            "_tables/documents.jsonl": lines(tables),
            "authors/generated_schema.jsonl": '"uniform"\n',
            "authors/documents.jsonl": lines([{"_id": author, "_creationTime": 1.6e12, "name": "Ada"}]),
            "posts/generated_schema.jsonl": '"uniform"\n',
            "posts/documents.jsonl": lines([row]),
        },
    )
    done = project.run("import", "--replace-all", "--yes", "app.zip")
    assert done.returncode == 0, done.stderr
    [found] = project.server.value("query", "posts:list", author=author)
    assert (found["_id"], found["author"], found["_creationTime"]) == (post, author, 1.7e12)


def test_files_of_one_table_are_imported_and_bad_rows_are_named(project: Project) -> None:
    (project.folder / "posts.jsonl").write_text(lines([{"author": None, "text": "a"}, {"text": 5}]))
    done = project.run("import", "--table", "posts", "--append", "--yes", "posts.jsonl")
    assert done.returncode == 1
    assert (
        "posts.jsonl:2: `posts.author`: expected Id[Author] | None, got nothing (and 1 more)" in done.stderr
    )
    (project.folder / "posts.csv").write_text("text,likes,author\nfrom csv,3,\n")
    done = project.run("import", "--table", "posts", "--append", "posts.csv")
    assert done.returncode == 0, done.stderr
    assert "from csv" in [post["text"] for post in project.server.value("query", "posts:list")]


def test_logs_show_what_ran_and_what_it_printed(project: Project) -> None:
    project.server.value("mutation", "posts:add", text="logged")
    assert project.server.post("mutation", path="posts:broken", args={})["status"] == "error"
    with project.start("logs", "--history", "100") as process:
        assert process.stdout is not None
        seen = ""
        while "a bug" not in seen:
            line = process.stdout.readline()
            assert line, seen
            seen += line
        process.kill()
    assert "[CONVEX M(posts:add)] [LOG] " in seen
    assert "logged" in seen


def test_deploy_and_dev_say_what_to_use_instead(project: Project) -> None:
    (project.folder / "convex").mkdir(exist_ok=True)
    for command in (["deploy"], ["dev", "--once"]):
        done = project.run(*command, "--typecheck", "disable", "--codegen", "disable")
        assert done.returncode != 0
        assert "this is a Syncline server: its functions are Python" in done.stderr, done.stderr
        assert "`syncline dev`" in done.stderr
        assert "`syncline start`" in done.stderr


def test_an_inline_query_is_refused_with_what_to_use_instead(project: Project) -> None:
    done = project.run("run", "--inline-query", 'await ctx.db.query("posts").take(5)')
    assert done.returncode == 1
    assert "an inline query is JavaScript" in done.stderr
    for command in ("npx convex run MODULE:FUNCTION", "syncline run", "npx convex data", "syncline shell"):
        assert f"`{command}`" in done.stderr


def test_a_wrong_key_is_refused(project: Project) -> None:
    done = project.run("env", "set", "A=b", CONVEX_SELF_HOSTED_ADMIN_KEY="syncline|" + "0" * 64)
    assert done.returncode == 1
    assert "this is not the admin key of this deployment" in done.stderr


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/import/start_upload"),
        ("POST", "/api/import/upload_part?uploadToken=x&partNumber=1"),
        ("POST", "/api/import/finish_upload"),
        ("POST", "/api/perform_import"),
        ("POST", "/api/cancel_import"),
        ("POST", "/api/export/request/zip?includeStorage=false"),
        ("GET", "/api/export/zip/1"),
        ("POST", "/api/update_environment_variables"),
        ("GET", "/api/list_environment_variables"),
        ("GET", "/api/check_admin_key"),
    ],
)
def test_every_endpoint_needs_the_admin_key(project: Project, method: str, path: str) -> None:
    for headers in ({}, {"Authorization": "Convex syncline|" + "0" * 64}):
        answer = httpx.request(method, project.server.url + path, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "BadDeployKey")


def test_what_the_endpoints_do_not_understand_is_said(project: Project) -> None:
    def refused(method: str, path: str, **body: object) -> str:
        answer = project.admin(method, path, body if method == "POST" else None)
        assert answer.status_code == 400, answer.text
        return str(answer.json()["code"])

    wanted = {"mode": "append", "format": "zip"}
    assert refused("POST", "/api/import/finish_upload", uploadToken="x") == "BadJsonBody"
    body: dict[str, Any] = {"uploadToken": "x", "partTokens": []}
    assert refused("POST", "/api/import/finish_upload", **body, **{"import": wanted}) == "UploadFailed"
    assert (
        refused("POST", "/api/import/finish_upload", **body, **{"import": {**wanted, "mode": "x"}})
        == "BadMode"
    )
    assert (
        refused("POST", "/api/import/finish_upload", **body, **{"import": {**wanted, "format": "x"}})
        == "BadFormat"
    )
    component = {**wanted, "componentPath": "mail"}
    assert (
        refused("POST", "/api/import/finish_upload", **body, **{"import": component}) == "ComponentNotFound"
    )
    assert refused("POST", "/api/perform_import", importId="x") == "LoadRefused"
    assert refused("POST", "/api/import/upload_part?uploadToken=x&partNumber=no") == "BadPartNumber"
    assert refused("GET", "/api/export/zip/17") == "ExportNotFound"
    assert refused("GET", "/api/export/zip/a") == "BadExport"
