"""The copy of one's own data: all of it, in one shape, without secrets."""

from __future__ import annotations

from support.houses import House
from syncline.accounts import api_keys, exporting, organizations


def test_the_copy_has_all_that_is_known_with_times_in_milliseconds(house: House) -> None:
    visitor = house.sign_up("ann@example.com", name="Ann")
    session = visitor.session()
    assert session is not None
    id, began = visitor.user()["id"], house.core.now() * 1000
    house.accounts.users.update(
        id,
        public_metadata={"plan": "pro"},
        private_metadata={"note": "pays late"},
        unsafe_metadata={"theme": "dark"},
    )
    owner = house.sign_up("bob@example.com").user()["id"]
    acme = house.do(organizations.create, "Acme", owner).organization
    orchard = house.do(organizations.create, "Orchard", owner).organization
    house.clock.advance(60)
    key, secret = house.do(api_keys.create, id, "Robot", ("notes",), seconds=3600)
    old, _ = house.do(api_keys.create, id, "Old robot")
    house.do(organizations.join, acme, id, "editor")
    house.accounts.organizations.invitations.create(orchard, "ann@example.com", role="admin")
    house.clock.advance(60)
    house.do(api_keys.revoke, id, old.id)
    house.do(api_keys.find, secret)
    later = began + 60_000
    copy = house.do(exporting.export_user, id)

    user, events = copy.pop("user"), copy.pop("events")
    assert [user[f"{kind}_metadata"] for kind in ("public", "private", "unsafe")] == [
        {"plan": "pro"},
        {"note": "pays late"},
        {"theme": "dark"},
    ]
    assert (user["email"], user["created_at"]) == ("ann@example.com", began)
    assert [(each["event"], each["at"]) for each in events] == [
        ("sign_up", began),
        ("sign_in", began),
        ("user.updated", began),
        ("api_key.created", later),
        ("api_key.created", later),
        ("api_key.revoked", later + 60_000),
    ]
    assert set(events[0]) == {"id", "at", "event", "user_id", "actor", "address", "agent", "data"}
    keys: list[dict[str, object]] = [
        {
            "id": key.id,
            "name": "Robot",
            "scopes": ["notes"],
            "created_at": later,
            "used_at": later + 60_000,
            "expires_at": later + 3_600_000,
            "ended_at": None,
        },
        {
            "id": old.id,
            "name": "Old robot",
            "scopes": [],
            "created_at": later,
            "used_at": None,
            "expires_at": None,
            "ended_at": later + 60_000,
        },
    ]
    assert copy == {
        "exported_at": later + 60_000,
        "password_changed_at": began,
        "second_step": False,
        "passkeys": [],
        "connections": [],
        "sessions": [
            {
                "id": session["id"],
                "created_at": began,
                "seen_at": began,
                "ended_at": None,
                "ended_why": None,
                "actor": None,
                "address": "203.0.113.7",
                "agent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0",
            }
        ],
        "known_devices": [{"created_at": began, "signed_in_at": began}],
        "api_keys": sorted(keys, key=lambda each: str(each["id"])),
        "organizations": [{"id": acme, "slug": "acme", "name": "Acme", "role": "editor", "joined_at": later}],
        "invitations": [
            {
                "email": "ann@example.com",
                "organization": orchard,
                "role": "admin",
                "created_at": later,
                "expires_at": later + 7 * 24 * 3_600_000,
            }
        ],
    }
    assert "sk_" not in str([copy, user, events])


def test_others_are_not_in_it(house: House) -> None:
    ann, bob = house.sign_up("ann@example.com").user()["id"], house.sign_up("bob@example.com")
    house.do(api_keys.create, ann, "Robot of ann")
    acme = house.do(organizations.create, "Acme", ann).organization
    house.accounts.organizations.invitations.create(acme, "eve@example.com")
    # An address that nobody has proved may be anybody's.
    house.accounts.users.addresses.add("bob@example.com", "eve@example.com", verified=False)
    copy = house.do(exporting.export_user, bob.user()["id"])
    assert copy["api_keys"] == copy["organizations"] == copy["invitations"] == []


def test_who_acted_as_somebody_is_named_but_not_from_where(house: House) -> None:
    ann = house.sign_up("ann@example.com").user()["id"]
    admin = house.visitor(address="192.0.2.1", agent="Browser of the office")
    admin.get(house.accounts.users.impersonate("ann@example.com").removeprefix(house.settings.url))
    admin.submit("/auth/impersonate")
    copy = house.do(exporting.export_user, ann)
    assert "192.0.2.1" not in str(copy) and "Browser of the office" not in str(copy)
    assert [each["actor"] for each in copy["sessions"]].count("tester") == 1
