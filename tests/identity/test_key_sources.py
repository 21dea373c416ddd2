"""How keys of outside issuers are found, kept and replaced."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from support.issuers import public, rsa_key
from syncline.identity import (
    Answer,
    Fetched,
    FetchFailed,
    Found,
    KeySet,
    LocalKeys,
    PublicKey,
    Rejected,
    RemoteKeys,
    Unavailable,
)
from syncline.kernel.clock import FakeClock

ISSUER = "https://id.example.com"
DISCOVERY = f"{ISSUER}/.well-known/openid-configuration"
JWKS = f"{ISSUER}/jwks.json"


class Network:
    """What is asked for waits until the test answers."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, bool]] = []
        self._open: list[Callable[[Answer], None]] = []

    def fetch(self, url: str, configured: bool, done: Callable[[Answer], None], /) -> None:
        self.asked.append((url, configured))
        self._open.append(done)

    def answer(self, answer: Answer | dict[str, Any]) -> None:
        """Answer the oldest question."""
        found = Fetched(json.dumps(answer).encode()) if isinstance(answer, dict) else answer
        self._open.pop(0)(found)

    @property
    def waiting(self) -> int:
        return len(self._open)


class World:
    def __init__(self, url: str | None = JWKS) -> None:
        self.network = Network()
        self.clock = FakeClock()
        self.keys = RemoteKeys(ISSUER, url, self.network.fetch, self.clock)
        self.found: list[Found] = []

    def find(self, key_id: str | None = "ins_1") -> None:
        self.keys.find(key_id, "RS256", self.found.append)

    def known(self, *names: str) -> World:
        """With these keys fetched."""
        self.find()
        self.network.answer(public(*map(rsa_key, names)))
        self.found.clear()
        return self

    @property
    def last(self) -> Found:
        return self.found[-1]


def test_keys_are_fetched_once_for_all_who_need_them() -> None:
    world = World()
    for _ in range(100):
        world.find()
    assert world.network.asked == [(JWKS, True)]
    assert world.found == []
    world.network.answer(public(rsa_key()))
    assert len(world.found) == 100
    assert all(isinstance(each, PublicKey) for each in world.found)
    world.find()
    assert len(world.found) == 101
    assert len(world.network.asked) == 1


def test_keys_are_found_by_discovery() -> None:
    world = World(None)
    world.find()
    world.network.answer({"issuer": f"{ISSUER}/", "jwks_uri": JWKS})
    world.network.answer(public(rsa_key()))
    assert isinstance(world.last, PublicKey)
    assert world.network.asked == [(DISCOVERY, True), (JWKS, True)]


def test_a_host_that_only_discovery_names_is_not_as_trusted() -> None:
    world = World(None)
    world.find()
    world.network.answer({"issuer": ISSUER, "jwks_uri": "https://keys.example.com/"})
    assert world.network.asked[-1] == ("https://keys.example.com/", False)


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ({"issuer": "https://evil.example.com", "jwks_uri": JWKS}, "of another issuer"),
        ({"jwks_uri": JWKS}, "of another issuer"),
        ({"issuer": ISSUER}, "no jwks_uri"),
        ({"issuer": ISSUER, "jwks_uri": "ftp://id.example.com/"}, "no jwks_uri"),
        ({"issuer": ISSUER, "jwks_uri": "http://id.example.com/"}, "without https"),
        (Fetched(b"<html>"), "is not JSON"),
        (Fetched(b"[" * 100_000), "is not JSON"),
        (Fetched(b"[]"), "is not a JSON object"),
        (FetchFailed("status 500"), "status 500"),
    ],
)
def test_a_discovery_document_that_is_wrong_is_no_ground_to_reject_a_token(
    document: Answer | dict[str, Any], problem: str
) -> None:
    world = World(None)
    world.find()
    world.network.answer(document)
    assert isinstance(world.last, Unavailable)
    assert problem in world.last.message


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ({}, "no list `keys`"),
        ({"keys": []}, "no key for signatures"),
        (Fetched(b"nope"), "is not JSON"),
    ],
)
def test_a_key_set_that_cannot_be_used_is_no_ground_to_reject_a_token(
    document: Answer | dict[str, Any], problem: str
) -> None:
    world = World()
    world.find()
    world.network.answer(document)
    assert isinstance(world.last, Unavailable)
    assert problem in world.last.message


def test_a_rotated_key_is_fetched_when_the_first_token_names_it() -> None:
    world = World().known("ins_1")
    world.clock.advance(31)
    world.find("ins_2")
    assert world.found == []
    world.network.answer(public(rsa_key("ins_1"), rsa_key("ins_2")))
    assert isinstance(world.last, PublicKey)
    assert world.last.id == "ins_2"


def test_a_key_that_is_unknown_a_moment_after_a_fetch_may_be_new_and_its_token_waits() -> None:
    world = World().known("ins_1")
    world.find("ins_2")
    assert isinstance(world.last, Unavailable)
    assert world.network.waiting == 0


def test_a_thousand_invented_keys_cause_two_fetches() -> None:
    world = World().known("ins_1")
    world.clock.advance(31)
    for number in range(1000):
        world.find(f"bogus-{number}")
        if world.network.waiting:
            world.network.answer(public(rsa_key("ins_1")))
    assert len(world.network.asked) == 2
    assert isinstance(world.found[0], Rejected)
    assert "`kid` 'bogus-0'" in world.found[0].message
    world.find("bogus-0")
    assert isinstance(world.last, Rejected)
    world.find("ins_1")
    assert isinstance(world.last, PublicKey)


def test_unknown_keys_are_fetched_again_after_half_a_minute_and_no_sooner() -> None:
    world = World().known("ins_1")
    for seconds, asked in ((29.5, 1), (0.5, 2), (29.5, 2), (0.5, 3)):
        world.clock.advance(seconds)
        world.find(f"bogus-{seconds}-{asked}")
        assert len(world.network.asked) == asked
        if world.network.waiting:
            world.network.answer(public(rsa_key("ins_1")))


def test_keys_are_refreshed_after_ten_minutes_while_the_known_ones_answer() -> None:
    world = World().known("ins_1")
    world.clock.advance(601)
    world.find()
    world.find()
    assert [isinstance(each, PublicKey) for each in world.found] == [True, True]
    assert len(world.network.asked) == 2
    world.network.answer(public(rsa_key("ins_2")))
    world.find()
    assert isinstance(world.last, Unavailable)  # withdrawn by the issuer; it might also come back
    world.clock.advance(31)
    world.find()
    world.network.answer(public(rsa_key("ins_2")))
    assert isinstance(world.last, Rejected)


def test_known_keys_outlast_an_issuer_that_is_down_for_a_day() -> None:
    world = World().known("ins_1")
    for _ in range(23):
        world.clock.advance(3600)
        world.find()
        assert isinstance(world.last, PublicKey)
        world.network.answer(FetchFailed("no route"))
    world.clock.advance(3601)
    world.find()
    world.network.answer(FetchFailed("no route"))
    assert isinstance(world.last, Unavailable)
    assert "no route" in world.last.message


def test_a_failed_fetch_is_repeated_after_a_pause_not_for_every_token() -> None:
    world = World()
    world.find()
    world.network.answer(FetchFailed("status 503"))
    for _ in range(50):
        world.find()
        assert isinstance(world.last, Unavailable)
    assert len(world.network.asked) == 1
    world.clock.advance(4)
    world.find()
    world.network.answer(public(rsa_key()))
    assert isinstance(world.last, PublicKey)


def test_a_key_set_that_has_moved_is_discovered_again() -> None:
    world = World(None)
    world.find()
    world.network.answer({"issuer": ISSUER, "jwks_uri": JWKS})
    world.network.answer(FetchFailed("status 404"))
    world.clock.advance(4)
    world.find()
    world.network.answer({"issuer": ISSUER, "jwks_uri": f"{ISSUER}/new"})
    world.network.answer(public(rsa_key()))
    assert isinstance(world.last, PublicKey)
    assert world.network.asked[-1] == (f"{ISSUER}/new", True)


def test_local_keys_change_when_they_are_replaced() -> None:
    keys = LocalKeys(KeySet.load(public(rsa_key("ins_1"))))
    found: list[Found] = []
    keys.find("ins_2", "RS256", found.append)
    keys.keys = KeySet.load(public(rsa_key("ins_2")))
    keys.find("ins_2", "RS256", found.append)
    assert isinstance(found[0], Rejected)
    assert isinstance(found[1], PublicKey)
