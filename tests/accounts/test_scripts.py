"""What scripts of the site's own pages are told under /auth, as JSON."""

from __future__ import annotations

from support.houses import House


def test_what_is_not_known_of_a_user_is_null_for_scripts(house: House) -> None:
    user = house.sign_up("ann@example.com").user()
    assert (user["name"], user["image_url"], user["email"]) == (None, None, "ann@example.com")
    assert house.sign_up("bob@example.com", name="Bob").user()["name"] == "Bob"
