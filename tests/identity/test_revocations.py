"""Sessions that end before their tokens do."""

from __future__ import annotations

import pytest

from syncline.identity import Revocations, Verified
from syncline.identity import revocations as module
from syncline.kernel.clock import FakeClock
from syncline.kernel.identity import Identity

ISSUER = "https://app.example.com/auth"


def verified(session: str | None = "s1", subject: str = "ada", issuer: str = ISSUER) -> Verified:
    return Verified(Identity(subject, issuer), None, session)


def acting(organization: str, role: str, subject: str = "ada", issuer: str = ISSUER) -> Identity:
    """Somebody whose token names an organisation and a role."""
    return Identity(subject, issuer, claims={"o": {"id": organization, "slg": "x", "rol": role}})


def test_those_who_watch_a_session_hear_of_its_end_and_no_others() -> None:
    revocations = Revocations(FakeClock())
    heard: list[str] = []
    for name, each in {
        "mine": verified(),
        "mine too": verified(),
        "another of mine": verified("s2"),
        "without": verified(None),
        "of another issuer": verified(issuer="https://other.example.com"),
    }.items():
        revocations.watch(each, lambda name=name: heard.append(name))  # type: ignore[misc]  # bound at once
    revocations.revoke_session(ISSUER, "s1")
    assert heard == ["mine", "mine too"]


def test_who_stops_watching_hears_nothing_even_while_others_are_told() -> None:
    revocations = Revocations(FakeClock())
    heard: list[str] = []
    second = revocations.watch(verified(), lambda: heard.append("second"))
    first = revocations.watch(verified(), lambda: None)
    revocations.unwatch(second)
    revocations.unwatch(second)
    revocations.revoke_session(ISSUER, "s1")
    assert heard == []
    revocations.unwatch(first)
    assert revocations.watched == 0


def test_revocations_are_forgotten_when_all_tokens_that_they_concern_have_expired() -> None:
    clock = FakeClock()
    revocations = Revocations(clock)
    issued = clock.wall_ns() / 1e9
    revocations.revoke_session(ISSUER, "s1")
    clock.advance(module.LONGEST_TOKEN_SECONDS - 1)
    revocations.revoke_session(ISSUER, "s2")
    assert revocations.is_revoked(ISSUER, "s1", issued)
    clock.advance(2)
    revocations.revoke_session(ISSUER, "s3")
    assert not revocations.is_revoked(ISSUER, "s1", issued)
    assert revocations.is_revoked(ISSUER, "s2", issued)


def test_with_more_revocations_than_are_remembered_older_tokens_are_refused_altogether(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_MOST", 2)
    clock = FakeClock()
    revocations = Revocations(clock)
    issued = clock.wall_ns() / 1e9
    for number in range(3):
        revocations.revoke_session(ISSUER, f"s{number}")
        clock.advance(2)
    assert revocations.is_revoked(ISSUER, "s9", issued)
    assert not revocations.is_revoked(ISSUER, "s9", clock.wall_ns() / 1e9)
    assert not revocations.is_revoked("https://other.example.com", "s9", issued)


def test_who_has_another_role_hears_of_it_and_nobody_else() -> None:
    revocations = Revocations(FakeClock())
    heard: list[str] = []
    watchers = {
        "admin": acting("acme", "admin"),
        "editor": acting("acme", "editor"),
        "in another organisation": acting("orchard", "admin"),
        "somebody else": acting("acme", "admin", "eve"),
        "of another issuer": acting("acme", "admin", issuer="https://other.example.com"),
        "for nobody": Identity("ada", ISSUER),
        "with an odd claim": Identity("ada", ISSUER, claims={"o": "acme"}),
    }
    for name, identity in watchers.items():
        revocations.watch(
            Verified(identity, None, name),
            lambda: heard.append("ended"),
            lambda name=name: heard.append(name),  # type: ignore[misc]  # bound at once
        )
    revocations.change_role(ISSUER, "acme", "ada", "editor")
    assert heard == ["admin"]
    revocations.change_role(ISSUER, "acme", "ada", None)
    assert heard == ["admin", "admin", "editor"]
    revocations.change_role(ISSUER, "acme", "", None)
    assert heard == ["admin", "admin", "editor", "admin", "editor", "somebody else"]


def test_tokens_that_name_a_former_role_are_refused_whenever_they_were_made() -> None:
    clock = FakeClock()
    revocations = Revocations(clock)

    def outdated(*roles: str, organization: str = "acme", subject: str = "ada") -> list[bool]:
        return [revocations.is_outdated(ISSUER, acting(organization, role, subject)) for role in roles]

    revocations.change_role(ISSUER, "acme", "ada", "editor")
    assert outdated("admin", "editor") == [True, False]
    assert outdated("admin", subject="eve") == outdated("admin", organization="orchard") == [False]
    assert not revocations.is_outdated("https://other.example.com", acting("acme", "admin"))
    assert not revocations.is_outdated(ISSUER, Identity("ada", ISSUER))
    revocations.change_role(ISSUER, "acme", "ada", None)
    assert outdated("admin", "editor") == [True, True]
    revocations.change_role(ISSUER, "acme", "ada", "admin")
    assert outdated("admin", "editor") == [False, True]
    revocations.change_role(ISSUER, "orchard", "", None)
    assert outdated("admin", organization="orchard", subject="eve") == [True]
    clock.advance(module.LONGEST_TOKEN_SECONDS + 1)
    revocations.change_role(ISSUER, "other", "ada", None)
    assert outdated("editor") == outdated("admin", organization="orchard") == [False]
