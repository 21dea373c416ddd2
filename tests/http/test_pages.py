"""The site: what a folder of files looks like over HTTP, and what cannot be reached through it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from support.notes import MODULES
from support.serving import running
from syncline.http import pages
from syncline.http.site import Site
from syncline.kernel.errors import SetupError


def site_folder(folder: Path) -> Path:
    site = folder / "site"
    files = {
        "index.html": "<h1>home</h1>",
        "about.html": "<h1>about</h1>",
        "guide/index.html": "<h1>guide</h1>",
        "assets/index-3UqETcLC.css": "h1 {}",
        "app.js": "export {}",
        "logo.svg": "<svg/>",
        "data.bin": "\x00",
        "wörter.txt": "ö",
        ".hidden": "no",
        ".well-known/security.txt": "Contact: us",
    }
    for name, content in files.items():
        path = site / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    secret = folder / "secret.txt"
    secret.write_text("secret")
    os.symlink(secret, site / "link.txt")
    os.symlink(folder, site / "up")
    return site


def test_files_have_their_types_and_headers(tmp_path: Path) -> None:
    with running(tmp_path, MODULES, site=site_folder(tmp_path)) as server:
        for path, kind in (
            ("/", "text/html; charset=utf-8"),
            ("/app.js", "text/javascript; charset=utf-8"),
            ("/logo.svg", "image/svg+xml; charset=utf-8"),
            ("/assets/index-3UqETcLC.css", "text/css; charset=utf-8"),
            ("/data.bin", "application/octet-stream"),
            ("/w%C3%B6rter.txt", "text/plain; charset=utf-8"),
            ("/.well-known/security.txt", "text/plain; charset=utf-8"),
        ):
            answer = server.http.get(path)
            assert answer.status_code == 200, path
            assert answer.headers["content-type"] == kind
            assert answer.headers["x-content-type-options"] == "nosniff"
        assert server.http.get("/app.js").headers["cache-control"] == "no-cache"
        forever = server.http.get("/assets/index-3UqETcLC.css").headers["cache-control"]
        assert forever == "public, max-age=31536000, immutable"


def test_an_unchanged_file_is_304(tmp_path: Path) -> None:
    with running(tmp_path, MODULES, site=site_folder(tmp_path)) as server:
        etag = server.http.get("/app.js").headers["etag"]
        again = server.http.get("/app.js", headers={"If-None-Match": f'"other", W/{etag}'})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
        assert server.http.get("/app.js", headers={"If-None-Match": '"other"'}).status_code == 200
        head = server.http.head("/app.js")
        assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", "9")


def test_clean_urls_folders_and_navigations_find_pages(tmp_path: Path) -> None:
    navigation = {"Accept": "text/html,*/*"}
    with running(tmp_path, MODULES, site=site_folder(tmp_path)) as server:
        assert server.http.get("/about").text == "<h1>about</h1>"
        assert server.http.get("/guide").text == "<h1>guide</h1>"
        assert server.http.get("/guide/").text == "<h1>guide</h1>"
        assert server.http.get("/channel/general", headers=navigation).text == "<h1>home</h1>"
        assert server.http.get("/channel/general").status_code == 404
        assert server.http.get("/missing.js", headers=navigation).status_code == 404
        assert server.http.get("/missing.js").headers["cache-control"] == "no-store"
        assert server.http.post("/about").status_code == 405
        assert server.http.get("/api/query?path=notes:count").json()["value"] == 0


def test_a_site_with_a_404_page_shows_it_to_people(tmp_path: Path) -> None:
    folder = site_folder(tmp_path)
    (folder / "404.html").write_text("<h1>lost</h1>")
    with running(tmp_path, MODULES, site=folder) as server:
        answer = server.http.get("/nowhere", headers={"Accept": "text/html"})
        assert (answer.status_code, answer.text) == (404, "<h1>lost</h1>")


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "/guide/..%2f..%2fsecret.txt",
        "/..%5csecret.txt",
        "/%00",
        "/app.js%00.html",
        "//secret.txt",
        "/link.txt",
        "/up/secret.txt",
        "/.hidden",
        "/./app.js/",
    ],
)
def test_nothing_outside_the_folder_is_reached(tmp_path: Path, path: str) -> None:
    site = Site.read(site_folder(tmp_path))
    with (
        running(tmp_path, MODULES, site=tmp_path / "site") as server,
        server.http.stream("GET", path) as answer,
    ):
        body = answer.read()
        assert b"secret" not in body and body != b"no"
    found = site.find(path, navigation=False)
    assert found is None or b"secret" not in found.content


def test_without_a_site_the_first_page_says_that_it_runs(tmp_path: Path) -> None:
    with running(tmp_path, MODULES) as server:
        answer = server.http.get("/")
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        assert answer.text.startswith("This Syncline deployment is running.")
        assert server.http.get("/else").status_code == 404


def test_the_browser_client_is_served_or_its_absence_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = tmp_path / "browser.bundle.js"
    monkeypatch.setattr(pages, "BUNDLE", bundle)
    with running(tmp_path, MODULES) as server:
        answer = server.http.get("/_syncline/convex.js")
        assert answer.status_code == 404 and "make bundle" in answer.text
        bundle.write_text("var convex = {}")
        answer = server.http.get("/_syncline/convex.js", headers={"Origin": "http://localhost:5173"})
        assert (answer.status_code, answer.text) == (200, "var convex = {}")
        assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in answer.headers


def test_a_site_that_is_no_folder_is_a_setup_error(tmp_path: Path) -> None:
    with pytest.raises(SetupError) as caught:
        Site.read(tmp_path / "none")
    assert str(caught.value) == (
        f"the site folder {tmp_path / 'none'} does not exist\n"
        "  help: build the site, or correct `site` under [tool.syncline] in pyproject.toml"
    )
