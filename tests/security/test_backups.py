"""Backups and exports hold no secret that opens anything, and a backup brings everything back. Check S46.

Secrets of every kind are planted in a server, then every copy that there is a way to make is opened and
searched. The two files that hold keys (`secret_key`, `admin_key`) are what the manual says to keep apart.
"""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from pyotp.totp import TOTP

from support.houses import PASSWORD
from support.people import Person
from support.planted import contents_of, found_in
from support.processes import syncline
from support.serving import Running, running
from syncline.accounts import (
    FILE,
    Core,
    Visitor,
    api_keys,
    find_endpoint,
    grants,
    second_factor,
    signing_keys,
    webhooks,
)
from syncline.accounts.mail import outbox
from syncline.kernel.clock import SystemEntropy
from syncline.kernel.errors import SetupError
from syncline.server.admin_keys import create_key

APP = """
    from syncline import App
    from syncline.auth import Accounts, EmailCode, OpenIDSignIn, Password

    acme = OpenIDSignIn(name="acme", issuer="https://id.example.com")
    app = App(auth=[Password(memory_kib=8192, passes=1), EmailCode(), acme, Accounts(name="Orchard", algorithm="ES256")])
"""
NOTES = """
    from syncline import Document, Index, MutationCtx, QueryCtx, mutation, owned_by, query


    class Note(Document):
        text: str
        owner: str = ""

        by_owner = Index("owner")
        access = owned_by("owner")


    @mutation
    def add(ctx: MutationCtx, text: str) -> None:
        ctx.db.insert(Note(text=text))


    @mutation
    def upload_url(ctx: MutationCtx) -> str:
        return ctx.storage.upload_url()


    @query
    def mine(ctx: QueryCtx) -> list[str]:
        return [note.text for note in ctx.db.query(Note)]


    @query(internal=True)
    def charge_key(ctx: QueryCtx) -> str:
        return ctx.env["CHARGE_KEY"]
"""
MODULES = {"app": APP, "notes": NOTES}
ANN = "ann@example.com"
#: Files of the data folder that hold keys, and that a backup keeps in another place.
KEYS = ("secret_key", "admin_key")
NONE = dict[str, str]()
VARIABLES = {"CHARGE_KEY": "planted-charge-key-93bf", "ACME_CLIENT_SECRET": "planted-client-secret-27aa"}


@dataclass
class Planted:
    folder: Path
    #: By what they are.
    secrets: dict[str, str] = field(default_factory=dict[str, str])
    #: What was exported, answered and logged, by what it is.
    copies: dict[str, bytes] = field(default_factory=dict[str, bytes])
    cookies: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def add_file(self, what: str, path: Path) -> None:
        for name, content in contents_of(path):
            self.copies[f"{what}: {name}"] = content


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Planted]:
    built = Planted(tmp_path_factory.mktemp("planted"))
    with pytest.MonkeyPatch.context() as patch:
        for name in VARIABLES:
            patch.setenv(name, "not yet")  # Stored variables are laid over the environment of this process.
        with running(built.folder, MODULES) as server:
            ann = Person(server, ANN)
            ann.sign_up()
            plant_accounts(server, built, ann)
            plant_data(server, built)
            plant_mail(server, built)
            ask_for_everything(server, built)
            export_over_http(server, built)
            export_by_command(built)
            copy_running(built)
        built.copies["what the server printed"] = server.log.getvalue().encode()
    stopped = built.folder / "stopped"
    shutil.copytree(built.data, stopped)
    for path in sorted(stopped.rglob("*")):
        if path.is_file() and path.name not in KEYS:
            built.add_file(f"stopped folder {path.relative_to(stopped).parent}", path)
    yield built


def plant_accounts(server: Running, built: Planted, ann: Person) -> None:
    """All that accounts keep of somebody, and of the server."""
    provider = server.deployment.accounts.provider
    assert provider is not None
    core, call = provider.core, provider.workers.call
    visitor = Visitor("203.0.113.7", "Firefox")
    user = ann.http.get("/auth/session").json()["user"]["id"]

    def private(core: Core) -> str:
        key: str = json.loads(signing_keys.private_key(core, signing_keys.published(core)[0].id))["d"]
        return key

    totp, _ = call(second_factor.set_up, core, ANN)
    codes = call(second_factor.confirm, core, user, totp, TOTP(totp).now())
    proof = grants.Proof(("pwd", "otp"), core.now(), core.now())
    granted = call(grants.begin_session, core, user, visitor, proof, client="a phone")
    assert codes is not None and granted is not None and granted.refresh_token is not None
    built.cookies = dict(ann.http.cookies)
    built.secrets |= {
        "password": PASSWORD,
        "authenticator app": totp,
        "backup code": codes[0],
        "API key": call(api_keys.create, core, user, "robot")[1],
        "refresh token": granted.refresh_token,
        "webhook": call(webhooks.create, core, "https://hooks.example.com/x", [])[1].removeprefix("whsec_"),
        "signing key": call(private, core),
        "pepper": core.pepper.hex(),
        "access token": ann.token(),
        **{f"cookie {name}": value for name, value in built.cookies.items()},
    }


def plant_data(server: Running, built: Planted) -> None:
    """Variables, admin keys, a document and a stored file."""
    _, made = create_key(built.data, "syncline", "robot", "admin", None, 0, SystemEntropy())
    built.secrets |= {
        "first admin key": server.admin_key.partition("|")[2],
        "admin key": made.partition("|")[2],
        "secret_key": (built.data / "secret_key").read_text().strip(),
        **VARIABLES,
    }
    mutate(server, f"Convex {server.admin_key}", "_system/environment:change", changes=VARIABLES)
    bearer = f"Bearer {built.secrets['access token']}"
    mutate(server, bearer, "notes:add", text="keep me")
    address = mutate(server, bearer, "notes:upload_url")
    built.secrets["upload address"] = address.partition("token=")[2]
    assert (
        server.http.post(address, content=b"a stored file", headers={"authorization": bearer}).status_code
        == 200
    )


def mutate(server: Running, authorization: str, path: str, **args: object) -> Any:
    body = {"path": path, "args": args, "format": "json"}
    answer = server.http.post("/api/mutation", json=body, headers={"authorization": authorization}).json()
    assert answer["status"] == "success", answer
    return answer["value"]


def plant_mail(server: Running, built: Planted) -> None:
    """A mail that nobody has read: its code and its link are still good."""
    bob = Person(server, "bob@example.com")
    with httpx.Client(base_url=server.url, headers={"accept": "text/html"}) as bob.http:
        page = bob.http.get("/auth/sign-up")
        bob.submit("/auth/sign-up", page, email=bob.email, password=PASSWORD)
    provider = server.deployment.accounts.provider
    assert provider is not None
    [mail] = provider.workers.call(outbox.newest, provider.core, to=bob.email)
    link = re.search(r"token=([\w-]+)", mail.text)
    assert link is not None
    built.secrets |= {"link of a mail": link[1], "subject of a mail": mail.subject}


def ask_for_everything(server: Running, built: Planted) -> None:
    """What is exported and read over HTTP: by the user, and by an administrator."""
    built.copies["account.json"] = read(server, "/auth/account/export", {})
    assert b"user_" in built.copies["account.json"]
    admin = {"authorization": f"Convex {server.admin_key}"}
    names = (
        "/users",
        f"/users/{ANN}",
        "/sessions",
        "/api-keys",
        "/webhooks",
        "/signing-keys",
        "/audit",
        "/merges",
    )
    for name in names:
        assert find_endpoint("GET", name) is not None
        built.copies[f"administration {name}"] = read(server, f"/auth/v1{name}", admin)
    for path in (
        "/metrics",
        "/api/stream_function_logs?cursor=0",
        "/openapi.json",
        "/auth/.well-known/jwks.json",
    ):
        built.copies[path] = read(server, path, admin)


def export_over_http(server: Running, built: Planted) -> None:
    admin = {"authorization": f"Convex {server.admin_key}"}
    begun = server.http.post("/api/export/request/zip?includeStorage=true", headers=admin)
    assert begun.status_code == 200, begun.text
    body = {"path": "_system/cli/exports:getLatest", "args": NONE, "format": "json"}
    export: dict[str, Any] = {"state": "requested"}
    while export["state"] in ("requested", "in_progress"):
        export = server.http.post("/api/query", json=body, headers=admin).json()["value"]
    place = built.folder / "fetched.zip"
    place.write_bytes(read(server, f"/api/export/zip/{export['start_ts']}", admin))
    built.add_file("fetched.zip", place)


def read(server: Running, path: str, headers: dict[str, str]) -> bytes:
    answer = server.http.get(path, headers=headers)
    assert answer.status_code == 200, (path, answer.text)
    return answer.content


def export_by_command(built: Planted) -> None:
    for name, words in {
        "export.zip": ("--include-file-storage",),
        "notes.csv": ("--table", "notes", "--format", "csv"),
        "notes.jsonl": ("--table", "notes"),
    }.items():
        done = syncline("export", *words, "--data", "data", "--path", name, folder=built.folder)
        assert done.returncode == 0, done.stderr
        built.add_file(name, built.folder / name)
    for words in (("audit-log", "--json"), ("keys", "list", "--json")):
        done = syncline(*words, "--data", "data", folder=built.folder)
        assert done.returncode == 0, done.stderr
        built.copies[" ".join(words)] = done.stdout.encode() + done.stderr.encode()


def copy_running(built: Planted) -> None:
    """Copies of both databases while they are in use, as the manual makes them."""
    backup = built.folder / "backup"
    backup.mkdir()
    for name in ("syncline.db", FILE):
        with closing(sqlite3.connect(built.data / name)) as connection:
            connection.execute("VACUUM INTO ?", (str(backup / name),))
        built.add_file("backup", backup / name)


def test_no_copy_holds_a_secret(planted: Planted) -> None:
    found = {what: found_in(content, planted.secrets) for what, content in planted.copies.items()}
    assert {what: names for what, names in found.items() if names} == {}
    assert len(planted.secrets) > 15 and len(planted.copies) > 30, (
        sorted(planted.secrets),
        sorted(planted.copies),
    )


def test_the_search_finds_what_is_there(planted: Planted) -> None:
    holding = {what for what, content in planted.copies.items() if found_in(content, {"note": "keep me"})}
    assert {"export.zip: export.zip/notes/documents.jsonl", "notes.csv: notes.csv", "notes.jsonl: notes.jsonl",
            "backup: syncline.db", "stopped folder .: syncline.db"} <= holding  # fmt: skip
    for name in KEYS:
        content = (planted.data / name).read_bytes()
        assert found_in(content, planted.secrets) == [{"admin_key": "first admin key"}.get(name, name)]
    hidden = {
        "as it is": b"planted-word",
        "hexadecimal": b"706c616e7465642d776f7264",
        "base64": b"eHBsYW50ZWQtd29yZA==",
    }
    assert [found_in(b"<" + content + b">", {"word": "planted-word"}) for content in hidden.values()] == [
        ["word"]
    ] * 3


def restored(planted: Planted, folder: Path, *names: str) -> None:
    """A new data folder with both databases of the backup, and with these files."""
    data = folder / "data"
    data.mkdir()
    for name in ("syncline.db", FILE):
        shutil.copy(planted.folder / "backup" / name, data / name)
    for name in names:
        shutil.copy(planted.data / name, data / name)


def test_a_backup_with_its_key_brings_everybody_back(
    planted: Planted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in VARIABLES:
        monkeypatch.setenv(name, "not yet")
    restored(planted, tmp_path, *KEYS)
    with running(tmp_path, MODULES) as server:
        ann = Person(server, ANN)
        page = ann.submit(
            "/auth/sign-in", ann.http.get("/auth/sign-in"), email=ANN, password=PASSWORD, method="password"
        )
        assert "Second step" in page.text
        ann.submit("/auth/mfa", page, code=planted.secrets["backup code"])
        assert notes_of(server, ann.token()) == ["keep me"]
        # Who was signed in still is, and a token of before is still good.
        server.http.cookies.clear()
        server.http.cookies.update(planted.cookies)
        assert notes_of(server, ann.token()) == ["keep me"]
        assert notes_of(server, planted.secrets["access token"]) == ["keep me"]
        body = {"path": "notes:charge_key", "args": NONE, "format": "json"}
        admin = {"authorization": f"Convex syncline|{planted.secrets['first admin key']}"}
        assert (
            server.http.post("/api/query", json=body, headers=admin).json()["value"]
            == VARIABLES["CHARGE_KEY"]
        )


def notes_of(server: Running, token: str) -> Any:
    body = {"path": "notes:mine", "args": NONE, "format": "json"}
    return (
        server.http.post("/api/query", json=body, headers={"authorization": f"Bearer {token}"})
        .json()
        .get("value")
    )


def test_a_backup_without_its_key_is_refused_with_what_is_missing(planted: Planted, tmp_path: Path) -> None:
    restored(planted, tmp_path, "admin_key")
    with pytest.raises(SetupError) as refused, running(tmp_path, MODULES):
        pass
    assert "cannot be decrypted: it was written with another key" in str(refused.value)
    assert "put back the file `secret_key` of the data folder" in str(refused.value)


def test_an_export_goes_into_a_new_server(planted: Planted, tmp_path: Path) -> None:
    with running(tmp_path, MODULES):
        pass
    done = syncline(
        "import",
        str(planted.folder / "export.zip"),
        "--replace-all",
        "--yes",
        "--data",
        "data",
        folder=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    with running(tmp_path, MODULES) as server:
        admin = {"authorization": f"Convex {server.admin_key}"}
        assert server.http.get("/auth/v1/users/count", headers=admin).json() == {"count": 0}
        shown = syncline("data", "notes", "--data", "data", "--json", folder=tmp_path)
        assert [json.loads(line)["text"] for line in shown.stdout.splitlines()] == ["keep me"]


def test_a_copy_of_an_encrypted_folder_says_nothing_and_opens_with_its_key(tmp_path: Path) -> None:
    environment = {"SYNCLINE_DATA_KEY": "5e" * 32}
    original = tmp_path / "original"
    with running(original, MODULES, environment=environment) as server:
        ann = Person(server, ANN)
        ann.sign_up()
        mutate(server, f"Bearer {ann.token()}", "notes:add", text="keep me")
        secrets = {"address": ANN, "note": "keep me", "password": PASSWORD, "key": "5e" * 32}
        mutate(
            server,
            f"Convex {server.admin_key}",
            "_system/environment:change",
            changes={"QUIET": "a variable"},
        )
    folder = tmp_path / "copy"
    shutil.copytree(original / "data", folder / "data")
    for path in (folder / "data").rglob("*"):
        if path.is_file():
            assert found_in(path.read_bytes(), {**secrets, "variable": "a variable"}) == [], path
    with pytest.raises(SetupError) as refused, running(folder, MODULES):
        pass
    assert "SYNCLINE_DATA_KEY" in str(refused.value)
    with running(folder, MODULES, environment=environment) as server:
        again = Person(server, ANN)
        again.submit(
            "/auth/sign-in", again.http.get("/auth/sign-in"), email=ANN, password=PASSWORD, method="password"
        )
        assert notes_of(server, again.token()) == ["keep me"]
