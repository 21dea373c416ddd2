"""Two users become one: in the identity file at once, in the application's documents batch by batch."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from pyotp.totp import TOTP

from support.houses import PASSWORD, House
from support.houses import house as houses
from syncline.accounts import FILE, Core, audit, linking, passwords, second_factor, users
from syncline.accounts.copies import Copies
from syncline.accounts.core import Visitor
from syncline.accounts.merge_moving import Batch, Moved, MoveError
from syncline.accounts.oauth.profile import Profile
from syncline.accounts.tables import DEVICE_REQUESTS, KNOWN_DEVICES, PROFILE_CHANGES, SCHEMA
from syncline.client import AccountsError
from syncline.kernel.clock import FakeClock


def connect(core: Core, user_id: str, provider: str, subject: str) -> None:
    profile = Profile(provider, subject, "x@example.com", True, "")
    linking.connect(core, profile, user_id, provider, Visitor())


def test_all_of_the_one_belongs_to_the_other(house: House) -> None:
    accounts = house.accounts
    old = house.sign_up("ann@old.example.com", name="Ann")
    ann = old.user()["id"]
    target = accounts.users.create(email="ann@example.com", public_metadata={"plan": "pro"}).id
    accounts.users.update(ann, external_id="x1", public_metadata={"plan": "free", "since": 3})
    accounts.users.addresses.add(ann, "ann@third.example.com", verified=False)
    house.do(connect, ann, "github", "77")
    key = accounts.api_keys.create(ann, "robot", scopes=["notes"])
    token = house.visitor().request(
        "POST", "/auth/token", json={}, headers={"authorization": f"Bearer {key.secret}"}
    )
    assert token.status_code == 200
    merge = accounts.users.merge("ann@old.example.com", into=target)
    assert (merge.source, merge.target, merge.actor, merge.done_at) == (ann, target, "tester", None)

    found = accounts.users.get(target)
    assert [(each.email_address, each.verified, each.primary) for each in found.email_addresses] == [
        ("ann@example.com", True, True),
        ("ann@old.example.com", True, False),
        ("ann@third.example.com", False, False),
    ]
    assert (found.name, found.external_id) == ("Ann", "x1")
    assert found.public_metadata == {"plan": "pro", "since": 3}
    assert [connection.provider for connection in found.connections] == ["github"]
    assert found.last_sign_in_at is not None and found.password
    with pytest.raises(AccountsError) as refused:
        accounts.users.get(ann)
    assert refused.value.status == 404
    # Sessions are over at once, and so are tokens of keys; the keys go on to work as the other one.
    assert old.session() is None
    assert set(house.provider.ended_lately()) >= {key.id}
    [moved] = accounts.api_keys.list(user=target)
    assert (moved.name, moved.scopes) == ("robot", ["notes"]) and moved.id != key.id
    again = house.visitor().request(
        "POST", "/auth/token", json={}, headers={"authorization": f"Bearer {key.secret}"}
    )
    assert again.status_code == 200
    visitor = house.visitor()
    visitor.sign_in("ann@old.example.com")
    assert visitor.user()["id"] == target
    # The log tells of both, and the copy of their data.
    merged = [event for event in house.do(audit.entries) if event["event"] == "user.merged"]
    assert [(event["user_id"], event["actor"], event["data"]) for event in merged] == [
        (ann, "tester", {"into": target}),
        (target, "tester", {"merged": ann}),
    ]
    exported = visitor.request("GET", "/auth/account/export").json()["events"]
    assert [event["event"] for event in exported if event["user_id"] == ann][:2] == ["sign_up", "sign_in"]


def test_where_both_have_one_the_targets_counts(house: House) -> None:
    accounts = house.accounts
    ann = house.sign_up("ann@example.com", password="the password of ann").user()["id"]
    bob = house.sign_up("bob@example.com", name="Bob").user()["id"]
    for user_id in (ann, bob):
        secret, _ = house.do(second_factor.set_up, "x")
        house.do(second_factor.confirm, user_id, secret, totp(secret, house))
    before = house.do(second_factor.backup_codes_left, bob)
    accounts.users.merge(ann, into=bob)
    assert accounts.users.get(bob).name == "Bob"
    assert house.do(second_factor.backup_codes_left, bob) == before
    assert house.do(second_factor.check, bob, totp(secret, house, later=30)) == "otp"
    visitor = house.visitor()
    visitor.sign_in("ann@example.com", "the password of ann")
    assert "not right" in visitor.alert
    visitor.sign_in("ann@example.com", PASSWORD)
    assert "/auth/mfa" in str(visitor.last.url)


def test_a_password_and_a_second_step_that_the_target_lacks_go_along(house: House) -> None:
    accounts = house.accounts
    ann = house.sign_up("ann@example.com").user()["id"]
    secret, _ = house.do(second_factor.set_up, "x")
    house.do(second_factor.confirm, ann, secret, totp(secret, house))
    bob = accounts.users.create(email="bob@example.com").id
    accounts.users.merge(ann, into=bob)
    found = accounts.users.get(bob)
    assert found.password and found.second_step
    assert house.do(passwords.get, bob) is not None
    # A code that was used before the merge does not work after it.
    assert house.do(second_factor.check, bob, totp(secret, house)) is None
    assert house.do(second_factor.check, bob, totp(secret, house, later=30)) == "otp"
    assert house.do(second_factor.backup_codes_left, bob) == 0


def test_the_higher_role_counts_and_no_organisation_is_left_alone(house: House) -> None:
    accounts = house.accounts
    ann, bob, eve = (accounts.users.create(email=f"{name}@example.com").id for name in ("ann", "bob", "eve"))
    own = accounts.organizations.create("Of Ann", user=ann)
    both = accounts.organizations.create("Of both", user=ann)
    other = accounts.organizations.create("Of Eve", user=eve)
    accounts.organizations.members.add(both.id, bob, role="member")
    accounts.organizations.members.add(other.id, ann, role="member")
    accounts.organizations.members.add(other.id, bob, role="editor")
    accounts.organizations.invitations.create(own.id, "new@example.com")
    accounts.users.merge(ann, into=bob)
    roles = {each.name: each.role for each in accounts.users.get(bob).organizations}
    assert roles == {"Of Ann": "admin", "Of both": "admin", "Of Eve": "editor"}
    assert [member.id for member in accounts.organizations.members.list(own.id)] == [bob]
    assert len(list(accounts.organizations.members.list(other.id))) == 2


def test_what_cannot_be_merged_stays_as_it_is(house: House) -> None:
    accounts = house.accounts
    ann, bob = (accounts.users.create(email=f"{name}@example.com").id for name in ("ann", "bob"))
    attempts = [(ann, "ann@example.com", "merge_self", 400), (ann, "nobody@example.com", "no_user", 404)]
    accounts.users.ban(bob)
    attempts.append((ann, bob, "merge_banned", 409))
    for user, into, code, status in attempts:
        with pytest.raises(AccountsError) as refused:
            accounts.users.merge(user, into=into)
        assert (refused.value.code, refused.value.status) == (code, status)
    accounts.users.unban(bob)
    for user in (ann, bob):
        for number in range(users.ADDRESSES // 2):
            accounts.users.addresses.add(user, f"{user}{number}@example.com")
    with pytest.raises(AccountsError, match="12 addresses, and a user has at most 10"):
        accounts.users.merge(ann, into=bob)
    assert accounts.users.count() == 2 and list(accounts.merges.list()) == []
    # A banned user can be merged into another one: its addresses are nobody else's then.
    accounts.users.addresses.remove(ann, f"{ann}0@example.com")
    accounts.users.addresses.remove(bob, f"{bob}0@example.com")
    accounts.users.ban(ann)
    accounts.users.merge(ann, into=bob)
    assert not accounts.users.get(bob).banned


def test_webhooks_tell_of_it_as_of_a_change_and_an_end(house: House) -> None:
    accounts = house.accounts
    ann, bob = (accounts.users.create(email=f"{name}@example.com").id for name in ("ann", "bob"))
    hook = accounts.webhooks.create("http://localhost:9/hook", ["user.*"])
    accounts.users.merge(ann, into=bob)
    rows = house.do(
        lambda core: core.file.rows("SELECT body FROM deliveries WHERE webhook = ? ORDER BY id", hook.id)
    )
    told = [json.loads(body) for (body,) in rows]
    assert [(each["type"], each["data"]["id"]) for each in told] == [
        ("user.updated", bob),
        ("user.deleted", ann),
    ]
    assert len(told[0]["data"]["email_addresses"]) == 2


def test_a_copy_for_functions_follows(house: House) -> None:
    put: list[dict[str, str | None]] = []

    async def take(changed: Copies) -> str:
        put.append(changed.profiles)
        return ""

    ann, bob = (house.accounts.users.create(email=f"{name}@example.com").id for name in ("ann", "bob"))
    house.provider.copies.put = take
    house.run(house.provider.copies.send_due())
    house.accounts.users.merge(ann, into=bob)
    house.run(house.provider.copies.send_due())
    assert put[-1][ann] is None and json.loads(put[-1][bob] or "")["name"] == ""


class Documents:
    """What stands for the application's database: so many documents of each user, moved in batches."""

    def __init__(self, house: House, **counts: int) -> None:
        self.house = house
        self.counts = dict(counts)
        self.asked: list[Batch] = []
        self.failures: list[Exception] = []
        house.provider.documents.move = self.move

    async def move(self, batch: Batch) -> Moved:
        self.asked.append(batch)
        if self.failures:
            raise self.failures.pop(0)
        left = self.counts.get(batch.source, 0)
        count = min(left, batch.limit)
        if count == 0:
            return Moved(None, 0, [])
        self.counts[batch.source] = left - count
        self.counts[batch.target] = self.counts.get(batch.target, 0) + count
        return Moved(f"behind {left - count}", count, [])

    def go(self) -> int:
        """Batches until there is nothing to do now."""
        return sum(iter(lambda: self.house.run(self.house.provider.documents.move_due()), 0))


def test_documents_follow_in_batches_until_nothing_is_found(house: House) -> None:
    accounts = house.accounts
    ann, bob = (accounts.users.create(email=f"{name}@example.com").id for name in ("ann", "bob"))
    documents = Documents(house, **{ann: 250})
    accounts.users.merge(ann, into=bob)
    assert documents.go() == 5  # Three, the end of the pass, and a pass that finds nothing.
    assert documents.counts == {ann: 0, bob: 250}
    assert {batch.issuer for batch in documents.asked} == {house.settings.issuer}
    done = accounts.merges.get(ann)
    assert (done.moved, done.stayed, done.error) == (250, 0, None) and done.done_at is not None
    assert [each.source for each in accounts.merges.list()] == [ann]
    assert documents.go() == 0
    finished = house.do(audit.entries)[-1]
    assert (finished["event"], finished["actor"]) == ("user.merge_finished", "tester")
    assert finished["data"] == {"merged": ann, "moved": 250, "stayed": 0}


def test_a_batch_that_is_too_large_becomes_smaller_and_one_that_fails_waits(house: House) -> None:
    accounts = house.accounts
    ann, bob = (accounts.users.create(email=f"{name}@example.com").id for name in ("ann", "bob"))
    documents = Documents(house, **{ann: 3})
    accounts.users.merge(ann, into=bob)
    documents.failures = [MoveError("too large")] * 8
    documents.go()
    assert [batch.limit for batch in documents.asked[:7]] == [100, 50, 25, 12, 6, 3, 1]
    assert len(documents.asked) == 7 and documents.counts == {ann: 3}
    assert accounts.merges.get(ann).error == "too large"
    house.clock.advance(3600)
    documents.failures = []
    documents.go()
    assert documents.counts == {ann: 0, bob: 3}
    assert accounts.merges.get(ann).error is None


def test_what_is_interrupted_goes_on_after_a_restart(tmp_path: Path) -> None:
    with houses(tmp_path) as first:
        ann, bob = (first.accounts.users.create(email=f"{name}@example.com").id for name in ("ann", "bob"))
        documents = Documents(first, **{ann: 250})
        first.accounts.users.merge(ann, into=bob)
        first.run(first.provider.documents.move_due())
        # The batch was moved, and nobody learned of it.
        documents.failures = [asyncio.CancelledError()]  # type: ignore[list-item]  # pyright: ignore[reportAttributeAccessIssue] - as if stopped
        with pytest.raises(asyncio.CancelledError):
            first.run(first.provider.documents.move_due())
        counts = documents.counts
    with houses(tmp_path) as second:
        documents = Documents(second, **counts)
        documents.go()
        assert documents.counts == {ann: 0, bob: 250}
        assert second.accounts.merges.get(ann).done_at is not None


def test_a_target_that_is_merged_itself_takes_along_what_was_on_its_way(house: House) -> None:
    accounts = house.accounts
    ann, bob, eve = (accounts.users.create(email=f"{name}@example.com").id for name in ("ann", "bob", "eve"))
    documents = Documents(house, **{ann: 150, bob: 150})
    accounts.users.merge(ann, into=bob)
    house.run(house.provider.documents.move_due())
    accounts.users.merge(bob, into=eve)
    documents.go()
    assert documents.counts == {ann: 0, bob: 0, eve: 300}
    assert {each.target for each in accounts.merges.list()} == {eve}
    # The end of the account is the end of what the log knows of all three.
    accounts.users.delete(eve)
    assert all(not entry["address"] for entry in house.do(audit.entries) if entry["user_id"] in (ann, bob, eve) and entry["event"] != "user.deleted")  # fmt: skip


def test_an_older_file_learns_of_merges_and_of_what_ended(tmp_path: Path) -> None:
    older = SCHEMA + PROFILE_CHANGES + DEVICE_REQUESTS + KNOWN_DEVICES
    with closing(sqlite3.connect(tmp_path / FILE)) as connection:
        connection.executescript(f"{older} PRAGMA application_id = 0x53594E49; PRAGMA user_version = 4;")
        connection.execute("INSERT INTO users(id, created_at, updated_at) VALUES ('user_1', 1, 1)")
        connection.execute(
            "INSERT INTO sessions VALUES ('sess_1', x'00', 'user_1', 'c', 1, 1, 1, 1, '', '', '[]', 1, NULL, NULL, NULL, "
            f"{FakeClock().wall_ns() // 10**9}, 'signed out')"
        )
        connection.commit()
    with houses(tmp_path) as house:
        assert list(house.accounts.merges.list()) == []
        assert house.provider.ended_lately() == ["sess_1"]


def totp(secret: str, house: House, later: int = 0) -> str:
    return TOTP(secret).at(house.core.now() + later)
