"""Files in a browser: uploads from pages of other origins, and uploads that would like to be pages."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest
from playwright.sync_api import Error, Page, sync_playwright

from support.browser import CHROMIUM, PATIENCE
from support.files_app import FILES
from support.serving import Running, running

PAGE = "<html><body><script>window.top.pwned = 1; document.title = 'pwned'</script></body></html>"
DRAWING = "<svg xmlns='http://www.w3.org/2000/svg'><script>window.top.pwned = 1; document.title = 'pwned'</script></svg>"
UPLOAD = """async ([url, content, type]) => {
  const answer = await fetch(url, {method: "POST", headers: {"Content-Type": type}, body: content});
  return (await answer.json()).storageId;
}"""


@pytest.fixture
def server(tmp_path: Path) -> Generator[Running]:
    site = tmp_path / "site"
    site.mkdir()
    (site / "index.html").write_text("<title>home</title>")
    with running(tmp_path, FILES, site=site) as server:
        yield server


@pytest.fixture
def page() -> Generator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM)
        page = browser.new_page()
        page.set_default_timeout(PATIENCE * 1000)
        yield page
        browser.close()


def url_of(server: Running, id: str) -> str:
    return server.url + str(server.value("query", "pictures:url", file=id))


@pytest.mark.browser
def test_a_page_of_another_origin_uploads_and_shows(server: Running, page: Page) -> None:
    # The same server by another name is another origin.
    page.goto(f"http://localhost:{server.port}/")
    address = server.url + server.value("mutation", "pictures:upload_url")
    drawing = (
        "<svg xmlns='http://www.w3.org/2000/svg' width='7' height='7'><rect width='7' height='7'/></svg>"
    )
    id = page.evaluate(UPLOAD, [address, drawing, "image/svg+xml"])
    width = page.evaluate(
        """(url) => new Promise((resolve, reject) => {
             const image = new Image();
             image.onload = () => resolve(image.width);
             image.onerror = reject;
             image.src = url;
        })""",
        url_of(server, id),
    )
    assert width == 7, "an image is shown as one, even a drawing"


@pytest.mark.browser
@pytest.mark.parametrize(
    ("content", "kind"), [(PAGE, "text/html"), (DRAWING, "image/svg+xml"), (PAGE, "text/plain")]
)
def test_an_upload_runs_no_script(server: Running, page: Page, content: str, kind: str) -> None:
    page.goto(f"{server.url}/")
    address = server.value("mutation", "pictures:upload_url")
    url = url_of(server, page.evaluate(UPLOAD, [address, content, kind]))
    for frame in ("iframe", "object", "embed"):
        page.evaluate(
            """([name, url]) => new Promise((resolve) => {
                 const frame = document.createElement(name);
                 frame.src = frame.data = url;
                 frame.onload = frame.onerror = () => resolve();
                 document.body.append(frame);
                 setTimeout(resolve, 500);
            })""",
            [frame, url],
        )
    assert page.evaluate("window.pwned") is None
    try:
        page.goto(url)
        assert page.title() != "pwned"
    except Error as error:
        assert "Download is starting" in str(error)
