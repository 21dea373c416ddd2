"""What scripts of the site's own pages are told under /auth, as JSON."""

from __future__ import annotations

from support.houses import House


def test_what_is_not_known_of_a_user_is_null_for_scripts(house: House) -> None:
    user = house.sign_up("ann@example.com").user()
    assert (user["name"], user["image_url"], user["email"]) == (None, None, "ann@example.com")
    assert house.sign_up("bob@example.com", name="Bob").user()["name"] == "Bob"


def test_people_see_their_sessions_and_end_them(house: House) -> None:
    here = house.sign_up("ann@example.com")
    away = house.visitor(agent="Mozilla/5.0 (iPhone) Safari/600", address="198.51.100.4")
    away.sign_in("ann@example.com")
    stranger = house.sign_up("eve@example.com")
    listed = here.request("GET", "/auth/sessions").json()["sessions"]
    assert [
        (each["device"], each["current"]) for each in sorted(listed, key=lambda each: each["device"])
    ] == [
        ("Firefox, Linux", True),
        ("Safari, iPhone", False),
    ]
    [other] = [each for each in listed if not each["current"]]
    assert other["address"] == "198.51.100.4"
    assert other["created_at"] == other["last_seen_at"] == house.core.now() * 1000 < other["expires_at"]
    assert stranger.post("/auth/sessions/revoke", session=other["id"]).status_code == 404
    assert away.session() is not None
    assert here.post("/auth/sessions/revoke", session=other["id"]).json() == {}
    assert away.session() is None and here.session() is not None
    assert here.post("/auth/sessions/revoke", session=other["id"]).status_code == 404
    assert [each["id"] for each in here.request("GET", "/auth/sessions").json()["sessions"]] != [other["id"]]
    own = here.session()
    assert own is not None and here.post("/auth/sessions/revoke", session=own["id"]).json() == {}
    assert "syncline_session" not in here.cookies
    assert here.request("GET", "/auth/sessions").status_code == 401
