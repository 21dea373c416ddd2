"""Limits per network address, behind proxies and without them."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path

import pytest

from support.notes import MODULES
from support.serving import running
from support.sockets import SyncSocket
from syncline.http.addresses import Addresses
from syncline.kernel.errors import SetupError
from syncline.kernel.proxies import client_address, read_networks, subscriber_of
from syncline.server.proxies import trusted_proxies

TRUSTED = read_networks("10.0.0.0/8, fd00::/8")


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("203.0.113.1", ["198.51.100.1"], "203.0.113.1"),
        ("10.0.0.1", ["6.6.6.6, 198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["6.6.6.6", "198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["198.51.100.1, 10.0.0.2"], "198.51.100.1"),
        ("::ffff:10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("fd00::1", ["2001:db8::7"], "2001:db8::7"),
        ("10.0.0.1", ["198.51.100.1, nonsense"], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.1:443"], "10.0.0.1"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
    ],
)
def test_the_last_hop_that_is_none_of_ours_is_the_client(
    peer: str, forwarded: list[str], address: str
) -> None:
    headers = [(b"host", b"x"), *((b"x-forwarded-for", value.encode()) for value in forwarded)]
    assert client_address(peer, headers, TRUSTED) == address
    assert client_address(peer, headers, ()) == peer


def test_networks_that_are_none_are_a_setup_error() -> None:
    with pytest.raises(SetupError) as caught:
        trusted_proxies({"SYNCLINE_TRUSTED_PROXIES": "10.0.0.0/8 proxy.example.com"})
    assert "the environment variable SYNCLINE_TRUSTED_PROXIES cannot be read: 'proxy.example.com'" in str(
        caught.value
    )


def test_an_address_has_so_many_connections_and_a_network_of_ipv6_is_one_address() -> None:
    addresses = Addresses(2)
    one = addresses.limited("8.8.4.4")
    assert one is not None
    assert [addresses.enter(one) for _ in range(3)] == [True, True, False]
    addresses.leave(one)
    assert addresses.enter(one)
    assert addresses.limited("2a00::1") == addresses.limited("2a00::ffff:1") == subscriber_of("2a00::9")
    assert addresses.limited("2a00:0:0:1::1") != addresses.limited("2a00::1")


def test_neighbours_are_unlimited_only_while_nobody_says_which_of_them_are_proxies() -> None:
    assert Addresses(2).limited("10.1.2.3") is None
    trusting = Addresses(2, [ip_network("10.0.0.0/24")])
    assert trusting.limited("10.0.0.9") is None
    assert trusting.limited("10.1.2.3") == "10.1.2.3"


def test_sockets_behind_a_proxy_are_counted_for_the_client_that_it_names(tmp_path: Path) -> None:
    environment = {"SYNCLINE_TRUSTED_PROXIES": "127.0.0.0/8"}
    with running(tmp_path, MODULES, environment=environment, limits={"connections_per_address": 2}) as server:

        def connect(forwarded: str) -> SyncSocket:
            return SyncSocket(server.port, x_forwarded_for=forwarded)

        with connect("198.51.100.1"), connect("6.6.6.6, 198.51.100.1"):
            # What a client writes in front of the proxy's word helps nobody.
            with connect("7.7.7.7, 198.51.100.1") as third:
                assert third.opened.startswith(b"HTTP/1.1 503")
            with connect("198.51.100.2") as other:
                assert other.opened.startswith(b"HTTP/1.1 101")
            # The proxy's own requests are nobody's.
            assert [server.http.get("/version").status_code for _ in range(5)] == [200] * 5
        opened = b""
        while not opened.startswith(b"HTTP/1.1 101"):  # Until the server has heard that the others left.
            with connect("198.51.100.1") as again:
                opened = again.opened
        headers = {"authorization": "Convex wrong|key", "x-forwarded-for": "9.9.9.9, 198.51.100.7"}
        assert server.http.get("/api/check_admin_key", headers=headers).status_code == 403
    assert '"198.51.100.7"' in (server.deployment.settings.data / "audit.log").read_text()


ROUTES = {
    "app": """
        from starlette.applications import Starlette
        from starlette.responses import JSONResponse
        from starlette.routing import Route
        from syncline import App


        def show(request):
            return JSONResponse([str(request.url), request.client.host])


        app = App(mounts={"/mount": Starlette(routes=[Route("/", show)])})
    """,
    "web": """
        from starlette.requests import Request
        from starlette.responses import JSONResponse, Response
        from syncline import ActionCtx, route


        @route("/route")
        async def show(ctx: ActionCtx, request: Request) -> Response:
            return JSONResponse([str(request.url), request.client.host])
    """,
}
SAID = {
    "host": "app.example.com",
    "x-forwarded-proto": "https",
    "x-forwarded-for": "6.6.6.6, 198.51.100.1",
    "x-forwarded-host": "evil.example.com",
}


@pytest.mark.parametrize(
    ("trusted", "scheme", "client"),
    [
        ("127.0.0.0/8", "https", "198.51.100.1"),
        ("10.0.0.0/8", "http", "127.0.0.1"),
        ("", "http", "127.0.0.1"),
    ],
)
def test_routes_and_mounts_believe_trusted_proxies_only(
    tmp_path: Path, trusted: str, scheme: str, client: str
) -> None:
    with running(tmp_path, ROUTES, environment={"SYNCLINE_TRUSTED_PROXIES": trusted}) as server:
        for path in ("/route", "/http/route", "/mount/"):
            address = path.removeprefix("/http")
            expected = [f"{scheme}://app.example.com{address}", client]
            assert server.http.get(path, headers=SAID).json() == expected, path
            odd = server.http.get(path, headers=SAID | {"x-forwarded-proto": "javascript"}).json()
            assert odd[0].startswith("http://"), path
