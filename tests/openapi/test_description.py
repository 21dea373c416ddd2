"""`/openapi.json` says what functions take and give, and schemathesis finds nothing that is otherwise."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from support.gallery import GALLERY
from support.serving import Running, running
from syncline.functions import load_application

TESTS = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[Running, None, None]:
    with running(tmp_path_factory.mktemp("app"), GALLERY) as server:
        yield server


@pytest.fixture(scope="module")
def description(server: Running) -> Any:
    response = server.http.get("/openapi.json")
    assert response.headers["content-type"] == "application/json"
    return response.json()


def arguments_of(description: Any, path: str) -> Any:
    post = description["paths"][path]["post"]
    return post["requestBody"]["content"]["application/json"]["schema"]["properties"]["args"]


def value_of(description: Any, path: str) -> Any:
    post = description["paths"][path]["post"]
    schema = post["responses"]["200"]["content"]["application/json"]["schema"]
    return schema["oneOf"][0]["properties"]["value"]


def check(server: Running, folder: Path, examples: int) -> None:
    command = [str(Path(sys.executable).parent / "schemathesis"), "run", f"{server.url}/openapi.json"]
    # Its own check of refusals is replaced by ours: see there.
    command += ["--exclude-checks", "negative_data_rejection", "--max-examples", str(examples)]
    command += ["--no-color", "--seed", "1", "--suppress-health-check", "all"]
    environment = os.environ | {
        "SCHEMATHESIS_HOOKS": "support.described_api",
        "PYTHONPATH": os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")]),
    }
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_schemathesis_finds_nothing(server: Running, tmp_path: Path) -> None:
    check(server, tmp_path, 3)


@pytest.mark.long
def test_schemathesis_finds_nothing_in_many_more_examples(server: Running, tmp_path: Path) -> None:
    check(server, tmp_path, 300)


def test_public_functions_are_described_with_their_docstrings(description: Any) -> None:
    described = description["paths"]["/api/run/gallery/list"]["post"]
    assert described["summary"] == "Pictures, by title."
    assert described["description"].startswith("All titles unless one is given.")
    assert described["operationId"] == "gallery_list"
    assert "/api/run/gallery/secret" not in description["paths"]
    assert not [path for path in description["paths"] if "_system" in path]
    assert "Not for clients." not in str(description)


def test_arguments_have_their_types_defaults_and_constraints(description: Any) -> None:
    assert arguments_of(description, "/api/run/gallery/list") == {
        "type": "object",
        "properties": {
            "title": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
            "limit": {"type": "integer", "minimum": 0, "maximum": 50, "default": 10},
        },
        "additionalProperties": False,
    }
    added = arguments_of(description, "/api/run/gallery/add")
    assert added["properties"]["title"] == {"type": "string", "minLength": 1, "maxLength": 20}
    assert added["properties"]["tags"] == {"type": "array", "items": {"type": "string"}, "default": []}
    assert added["required"] == ["title"]


def test_what_json_lacks_goes_in_as_forms_and_comes_out_as_text(description: Any) -> None:
    given = arguments_of(description, "/api/run/gallery/whole")["properties"]
    assert list(given["number"]["properties"]) == ["$integer"]
    assert list(given["data"]["properties"]) == ["$bytes"]
    data, numbers = value_of(description, "/api/run/gallery/whole")["additionalProperties"]["anyOf"]
    assert data == {"type": "string", "contentEncoding": "base64"}
    assert numbers == {"type": "array", "items": {"type": "string", "pattern": "^-?[0-9]+$"}}


def test_literals_enums_and_unions_list_their_members(description: Any) -> None:
    special = arguments_of(description, "/api/run/gallery/special")["properties"]
    assert special["which"] == {"enum": ["nan", "inf", "one"]}
    assert special["factor"]["anyOf"] == [{"enum": [1, 2]}, {"type": "null"}]
    shapes = arguments_of(description, "/api/run/gallery/shapes")["properties"]
    assert shapes["colour"] == {"enum": ["red", "blue"], "default": "red"}


def test_classes_are_components_of_their_own_and_may_contain_themselves(description: Any) -> None:
    schemas = description["components"]["schemas"]
    assert schemas["TreeInput"]["properties"]["children"]["items"] == {
        "$ref": "#/components/schemas/TreeInput"
    }
    # A default may be left out by those who send, and is always there for those who read.
    assert schemas["FrameInput"]["required"] == ["size"]
    assert schemas["Frame"]["required"] == ["size", "wooden"]
    assert schemas["Picture"]["required"] == ["_id", "_creationTime", "title", "likes", "tags"]
    assert schemas["Size"]["required"] == ["width"]


def test_what_needs_a_signed_in_caller_says_so(tmp_path: Path) -> None:
    app = """
        from syncline import App
        from syncline.auth import OpenIDConnect

        app = App(auth=[OpenIDConnect(issuer="https://id.example", audience="a", jwks="https://id.example/jwks")])
    """
    gallery = GALLERY["gallery"].replace("@action\n", "@action(anonymous=True)\n")
    with running(tmp_path, GALLERY | {"app": app, "gallery": gallery}) as server:
        paths = server.http.get("/openapi.json").json()["paths"]
    assert paths["/api/run/gallery/add"]["post"]["security"] == [{"user": []}]
    assert "security" not in paths["/api/run/gallery/fail"]["post"]


def test_an_unchanged_description_is_not_sent_again(server: Running) -> None:
    tag = server.http.get("/openapi.json").headers["etag"]
    again = server.http.get("/openapi.json", headers={"if-none-match": tag})
    assert again.status_code == 304 and not again.content


def test_new_code_is_described_at_once(tmp_path: Path) -> None:
    with running(tmp_path, GALLERY) as server:
        before = server.http.get("/openapi.json").json()["paths"]
        file = tmp_path / "backend" / "gallery.py"
        file.write_text(file.read_text().replace('name="list"', 'name="all"'))
        release = load_application(tmp_path / "backend", activate=False)
        failed: list[object] = []
        server.call(lambda: server.deployment.reload(release, failed.append))
        while not failed:
            server.call(lambda: None)
        after = server.http.get("/openapi.json").json()["paths"]
    assert failed == [None]
    assert set(before) ^ set(after) == {"/api/run/gallery/list", "/api/run/gallery/all"}


def test_the_page_allows_no_script_but_its_own(server: Running) -> None:
    page = server.http.get("/docs")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
    assert "<script>" not in page.text and "style=" not in page.text
    assert server.http.get("/docs/reference.js").headers["content-type"] == "text/javascript; charset=utf-8"
    assert server.http.get("/docs/reference.css").status_code == 200
    assert "http" not in server.http.get("/docs/reference.js").text.replace("/openapi", "")
