"""The inbox of development is for who sits at the machine. Check S48."""

from __future__ import annotations

import pytest

from support.houses import House
from syncline.accounts.web.addresses import is_here

HERE = "127.0.0.1"


@pytest.fixture
def full(house: House) -> House:
    """With a mail, whose code nobody else should see."""
    house.sign_up("ann@example.com")
    return house


def ask(house: House, address: str, path: str = "/auth/inbox", **headers: str) -> tuple[int, str]:
    """What is answered to this address: the status, and where it leads or what it says."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = house.visitor(address=address).request("GET", path, headers={"accept": "text/html", **given})
    return answer.status_code, answer.headers.get("location", answer.text)


@pytest.mark.parametrize("address", [HERE, "127.8.8.8", "::1", "::ffff:127.0.0.1"])
@pytest.mark.parametrize("host", ["localhost:3210", "127.0.0.1:3210", "[::1]:3210", "localhost:5173"])
def test_who_sits_at_the_machine_sees_every_mail(full: House, address: str, host: str) -> None:
    status, page = ask(full, address, host=host)
    assert status == 200 and full.code("ann@example.com") in page


@pytest.mark.parametrize(
    "path", ["/auth/inbox", "/auth/inbox/1", "/auth/inbox/samples", "/auth/inbox/samples/reset"]
)
@pytest.mark.parametrize(
    "address", ["192.168.1.20", "203.0.113.7", "172.17.0.1", "fe80::1%eth0", "", "testclient"]
)
def test_the_network_sees_none_and_is_told_where_they_are(full: House, address: str, path: str) -> None:
    status, page = ask(full, address, path)
    assert status == 403 and full.code("ann@example.com") not in page
    assert f"Open http://localhost:3210{path} there." in page and "Authorization: Convex KEY" in page


def test_an_admin_key_shows_them_everywhere_unless_it_is_for_reading(full: House) -> None:
    status, page = ask(full, "172.17.0.1", authorization="Convex admin|secret")
    assert status == 200 and full.code("ann@example.com") in page
    for key in ("admin|wrong", "admin|reading"):
        status, page = ask(full, "172.17.0.1", authorization=f"Convex {key}")
        assert status == 403 and full.code("ann@example.com") not in page


@pytest.mark.parametrize(
    "hops", ["192.168.1.20", "127.0.0.1, 192.168.1.20", "192.168.1.20, 127.0.0.1", "", "x"]
)
def test_who_comes_through_a_tunnel_is_not_here(full: House, hops: str) -> None:
    assert ask(full, HERE, x_forwarded_for=hops)[0] == 403


@pytest.mark.parametrize(
    "headers",
    [{"x_forwarded_for": "::1"}, {"x_forwarded_host": "localhost:3000"}, {"forwarded": "for=192.168.1.20"}],
)
def test_a_proxy_is_not_believed_but_leads_the_browser_here(full: House, headers: dict[str, str]) -> None:
    """The server of a frontend may pass on what a stranger told it."""
    assert ask(full, HERE, "/auth/inbox/samples?lang=de", **headers) == (
        303,
        "http://localhost:3210/auth/inbox/samples?lang=de",
    )


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:3210", "localhost.evil.example", "[::1", "", "192.168.1.5"]
)
def test_a_name_that_was_made_to_lead_here_shows_nothing_to_its_pages(full: House, host: str) -> None:
    assert ask(full, HERE, host=host)[0] == 403


def test_a_name_that_the_server_was_told_is_its_own() -> None:
    scope = {"client": (HERE, 1), "headers": [(b"host", b"dev.example:3210")]}
    assert is_here(scope, "http://dev.example:3210") and not is_here(scope, "http://localhost:3210")


def test_the_link_to_the_inbox_is_for_who_can_open_it(house: House) -> None:
    for address, shown in ((HERE, True), ("192.168.1.20", False)):
        visitor = house.visitor(address=address)
        visitor.get("/auth/sign-up")
        visitor.submit("/auth/sign-up", email="ann@example.com", password="a quite long password")
        assert ("/auth/inbox" in visitor.last.text) is shown
