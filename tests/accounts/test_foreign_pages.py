"""What pages of other sites make browsers send, at every entry: nothing of it is done. GET does nothing. Check S23."""

from __future__ import annotations

from collections.abc import Generator, Mapping

import httpx
import pytest

from support.holders import Holder
from support.houses import CHEAP, House, house
from support.login_service import CLIENT
from syncline.accounts.admin import ENDPOINTS
from syncline.accounts.admin.table import PREFIX, route_path
from syncline.accounts.web.application import ENTRIES, Entry
from syncline.auth import Accounts, EmailCode, OpenIDSignIn, Passkey

URL, FRIEND = "https://example.com", "https://app.example.com"
STRANGERS = (
    "https://evil.example", "null", "http://example.com", "https://example.com:444", "https://example.com.evil.example",
    "http://localhost:3210",
)  # fmt: skip
FORM = "application/x-www-form-urlencoded"
#: Where services send a form to from their own sites: it carries a state of ours, and no cookie counts.
ANSWERS = "/oauth/{provider}/callback"
#: The fields that do something somewhere.
FIELDS = {
    "action": "delete", "word": "delete", "name": "Another", "email": "new@example.com", "password": "another sentence 5",
    "method": "password", "code": "000000", "provider": "acme",
}  # fmt: skip


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Generator[House]:
    acme = OpenIDSignIn(
        name="acme", issuer="https://id.example", client_id=CLIENT[0], client_secret=CLIENT[1]
    )
    settings = Accounts(algorithm="ES256", redirects=[FRIEND])
    ways = (CHEAP, EmailCode(), Passkey(), acme, settings)
    with house(tmp_path_factory.mktemp("foreign"), *ways, url=URL, production=True) as built:
        yield built


@pytest.fixture(scope="module")
def holder(home: House) -> Holder:
    return Holder(home)


def send(
    holder: Holder, entry: Entry, headers: Mapping[str, str], method: str = "POST", **more: object
) -> httpx.Response:
    path = entry.path.replace("{provider}", "acme").format(**holder.things)
    return holder.visitor.request(method, f"/auth{path}", headers=dict(headers), **more)


def fields_of(holder: Holder) -> dict[str, str]:
    return {**holder.things, **FIELDS}


FORMS = [each for each in ENTRIES if each.form]
SCRIPTS = [each for each in ENTRIES if each.json]
PAGES = [each for each in ENTRIES if each.get]
CHANGES = [each for each in ENTRIES if each.form or each.json or each.free]


@pytest.mark.parametrize("entry", CHANGES, ids=lambda entry: entry.path)
def test_nothing_is_taken_from_pages_of_strangers(home: House, holder: Holder, entry: Entry) -> None:
    if entry.path == ANSWERS:
        return  # test_oauth.py has what becomes of it.
    before = holder.belongings()
    form = {**fields_of(holder), "csrf": holder.csrf}
    foreign = [{"origin": origin} for origin in STRANGERS]
    foreign += [{"sec-fetch-site": site} for site in ("cross-site", "same-site", "none")]
    kinds = [(form, None)] * bool(entry.form) + [(None, form)] * bool(entry.json or entry.free)
    for headers in foreign:
        for data, json in kinds:
            answer = send(holder, entry, headers, data=data, json=json)
            assert (answer.status_code, answer.json()["error"]) == (403, "origin"), headers
    assert holder.belongings() == before


@pytest.mark.parametrize("entry", FORMS, ids=lambda entry: entry.path)
def test_a_form_is_one_that_this_browser_was_given_by_us(home: House, holder: Holder, entry: Entry) -> None:
    before, other = holder.belongings(), Holder(home)
    own = {"origin": URL, "sec-fetch-site": "same-origin"}
    for token in (
        {},
        {"csrf": ""},
        {"csrf": other.csrf},
        {"csrf": holder.csrf[:-1]},
        {"csrf": holder.csrf + "0"},
    ):
        answer = send(holder, entry, own, data={**fields_of(holder), **token})
        assert (answer.status_code, answer.json()["error"]) == (403, "form"), token
    # Those who may ask with scripts have no forms here.
    friend = send(holder, entry, {"origin": FRIEND}, data={**fields_of(holder), "csrf": holder.csrf})
    assert (friend.status_code, friend.json()["error"]) == (403, "origin")
    assert holder.belongings() == before
    good = send(other, entry, own, data={"csrf": other.csrf})
    is_refused = good.headers.get("content-type") == "application/json"  # What the central checks say.
    assert not is_refused or good.json()["error"] not in ("origin", "form"), good.text


@pytest.mark.parametrize("entry", SCRIPTS, ids=lambda entry: entry.path)
def test_scripts_say_json_which_forms_of_other_sites_cannot(
    home: House, holder: Holder, entry: Entry
) -> None:
    before = holder.belongings()
    for kind in ("text/plain", "multipart/form-data; boundary=x", "application/jsonx", "text/json", ""):
        headers = {"origin": URL, **({"content-type": kind} if kind else {})}
        answer = send(holder, entry, headers, content=b"")  # Nothing to read is no reason to look away.
        assert (answer.status_code, answer.json()["error"]) == (415, "body"), kind
    if entry.form is None:
        answer = send(holder, entry, {"origin": URL}, data={**fields_of(holder), "csrf": holder.csrf})
        assert (answer.status_code, answer.json()["error"]) == (415, "body")
    assert holder.belongings() == before


@pytest.mark.parametrize("entry", PAGES, ids=lambda entry: entry.path)
def test_get_changes_nothing_whatever_it_says(home: House, holder: Holder, entry: Entry) -> None:
    before = holder.belongings()
    query = {**fields_of(holder), "csrf": holder.csrf}
    for method in ("GET", "HEAD"):
        send(holder, entry, {}, method, params=query)
    assert holder.belongings() == before


def test_the_administration_takes_json_and_only_from_pages_that_may_ask(home: House) -> None:
    visitor, key = home.visitor(), {"authorization": "Convex admin|secret"}
    for endpoint in ENDPOINTS:
        method, path = endpoint.method, PREFIX + route_path(endpoint.path)
        if method == "GET":
            continue
        for origin in STRANGERS:
            answer = visitor.request(method, path, headers={**key, "origin": origin}, json={})
            assert (answer.status_code, answer.json()["error"]) == (403, "origin"), endpoint
        for kind in ("text/plain", FORM) if not endpoint.reads else ():
            headers = {**key, "content-type": kind}
            answer = visitor.request(method, path, headers=headers, content=b"{}")
            assert (answer.status_code, answer.json()["error"]) == (415, "body"), endpoint
