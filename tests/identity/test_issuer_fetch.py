"""Fetching what issuers publish: over a real network, within bounds, and never from where it must not go."""

from __future__ import annotations

import asyncio
import socket
import threading

import pytest

from support.issuers import LocalIssuer
from syncline.http import IssuerFetcher
from syncline.identity import Answer, Fetched, FetchFailed
from syncline.kernel.addresses import is_own_machine_or_network, is_public


def fetch(url: str, *, configured: bool = True, production: bool = False) -> Answer:
    async def run() -> Answer:
        fetcher = IssuerFetcher(production=production)
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        fetcher(url, configured, answer.set_result)
        try:
            return await answer
        finally:
            fetcher.close()

    return asyncio.run(run())


def problem(url: str, *, configured: bool = True, production: bool = False) -> str:
    answer = fetch(url, configured=configured, production=production)
    assert isinstance(answer, FetchFailed), answer
    return answer.message


def test_a_document_of_a_local_issuer_arrives_in_development_only() -> None:
    with LocalIssuer().running() as issuer:
        url = f"{issuer.url}/.well-known/jwks.json"
        assert isinstance(fetch(url), Fetched)
        assert "is not https" in problem(url, production=True)
        assert len(issuer.asked) == 1


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ((500, "application/json", b"{}"), "status 500"),
        ((302, "application/json", b"http://localhost/elsewhere"), "status 302"),
        ((200, "text/html", b"{}"), "the content type text/html"),
        ((200, "application/json", b" " * 600_000), "more than 524,288 bytes"),
    ],
)
def test_what_is_no_document_is_refused(answer: tuple[int, str, bytes], message: str) -> None:
    with LocalIssuer().running() as issuer:
        issuer.instead["/keys"] = answer
        assert message in problem(f"{issuer.url}/keys")
        assert issuer.asked == ["/keys"]


def test_an_address_that_somebody_else_named_must_be_public() -> None:
    with LocalIssuer().running() as issuer:
        assert "is at an address that is not asked" in problem(issuer.url, configured=False)
        assert issuer.asked == []


@pytest.mark.parametrize(
    "host", ["169.254.169.254", "[fe80::1]", "0.0.0.0", "[::ffff:169.254.169.254]", "2852039166"]
)
def test_the_metadata_service_of_a_cloud_is_never_asked(host: str) -> None:
    assert "is at an address that is not asked" in problem(f"https://{host}/", production=True)


def test_a_server_that_never_answers_does_not_hold_up_the_loop_or_the_caller(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from syncline.http import issuer_fetch

    monkeypatch.setattr(issuer_fetch, "_SECONDS_IN_ALL", 0.2)
    monkeypatch.setattr(issuer_fetch, "_SECONDS", 0.5)
    before = threading.active_count()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        message = problem(f"http://localhost:{silent.getsockname()[1]}/")
    assert "took longer than 0.2 s" in message
    assert threading.active_count() < before + 10


def test_nobody_at_the_address_is_a_failure_with_its_reason() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert "ConnectError" in problem(f"http://localhost:{port}/")


@pytest.mark.parametrize(
    ("address", "public", "service"),
    [
        ("8.8.8.8", True, True),
        ("2606:4700::1111", True, True),
        ("::ffff:8.8.8.8", True, True),
        ("127.0.0.1", False, True),
        ("::1", False, True),
        ("10.1.2.3", False, True),
        ("100.64.0.1", False, True),
        ("fd00::1", False, True),
        ("::ffff:10.0.0.1", False, True),
        ("64:ff9b::7f00:1", False, True),
        ("2002:7f00:1::", False, True),
        ("169.254.169.254", False, False),
        ("64:ff9b::a9fe:a9fe", False, False),
        ("::ffff:169.254.169.254", False, False),
        ("fe80::1%eth0", False, False),
        ("0.0.0.0", False, False),
        ("::", False, False),
        ("224.0.0.1", False, False),
        # IPv4 addresses in the ways of old, of translators, and of networks' own translators.
        ("::127.0.0.1", False, False),
        ("::ffff:0:127.0.0.1", False, False),
        ("64:ff9b:1::7f00:1", False, False),
        ("2001:0:7f00:1::", False, True),
        ("fec0::1", False, False),
        ("3fff::1", False, True),
        ("5f00::1", False, False),
        # Where clouds keep the credentials of machines.
        ("fd00:ec2::254", False, False),
        ("168.63.129.16", False, False),
        ("100.100.100.200", False, False),
        ("localhost", False, False),
        ("", False, False),
    ],
)
def test_addresses_are_public_or_at_least_of_a_service(address: str, public: bool, service: bool) -> None:
    assert is_public(address) is public
    assert is_own_machine_or_network(address) is service
