"""Requests to services and webhooks: where they do not go, and what they do not wait for. Check S38."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from support.houses import CHEAP, house
from syncline.accounts import outgoing, webhooks
from syncline.accounts.outgoing import OutgoingError, send
from syncline.auth import Accounts


class _Handler(BaseHTTPRequestHandler):
    #: Paths that were asked for.
    seen: list[str] = []

    def do_GET(self) -> None:
        self.seen.append(self.path)
        self.send_response(302 if self.path == "/elsewhere" else 200)
        if self.path == "/elsewhere":
            self.send_header("location", "/small")
        self.end_headers()
        self.wfile.write(b"{}" if self.path != "/large" else b" " * 3000)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    _Handler.seen.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def test_in_production_nothing_goes_over_http_not_even_to_this_machine(port: int) -> None:
    for url in (f"http://localhost:{port}/small", f"http://127.0.0.1:{port}/small", "http://example.com/"):
        with pytest.raises(OutgoingError, match="is not https"):
            send("GET", url, production=True)
    assert _Handler.seen == []
    assert send("GET", f"http://localhost:{port}/small", production=False).json() == {}


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "10.0.0.1", "169.254.169.254", "[::ffff:10.0.0.1]"]
)
def test_what_is_somebodys_word_does_not_lead_inside(host: str) -> None:
    with pytest.raises(OutgoingError, match="is at an address that is not asked"):
        send("POST", f"https://{host}:9/", production=True, public_only=True)


def test_redirects_are_not_followed(port: int) -> None:
    assert send("GET", f"http://localhost:{port}/elsewhere", production=False).status == 302
    assert _Handler.seen == ["/elsewhere"]


def test_an_answer_that_is_too_long_is_given_up(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outgoing, "_BYTES", 2000)
    with pytest.raises(OutgoingError, match="the answer is too long or too slow"):
        send("GET", f"http://localhost:{port}/large", production=False)


def test_webhooks_do_not_go_inside_in_production(tmp_path: Path) -> None:
    with house(
        tmp_path, CHEAP, Accounts(algorithm="ES256"), url="https://example.com", production=True
    ) as built:
        for target in ("https://10.0.0.1/", "https://169.254.169.254/", "https://localhost:9/"):
            built.do(webhooks.create, target, ["*"])
        built.accounts.users.create(email="ann@example.com")
        assert built.run(built.provider.webhooks.deliver_due()) == 3
        for hook in built.do(webhooks.listed):
            [tried] = built.do(webhooks.deliveries, hook.id)
            assert "is at an address that is not asked" in tried["error"], tried
