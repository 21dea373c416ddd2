"""Who a session's functions run as, and what is shown when that changes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from support.model_client import caller_of
from support.session_pair import Json, Server, Socket, added, values, versions
from syncline.kernel.limits import Limits
from syncline.sync import Rejected, Unavailable, Verdict, Verified, acting_identity

Done = Callable[[Verdict], None]


class Verifier:
    """Says yes to names, no to `bad`, and answers when it is told to."""

    def __init__(self) -> None:
        self.waiting: list[tuple[str, Done]] = []
        self.at_once = True
        self.expires_ns: int | None = None

    def __call__(self, token: str, done: Done) -> None:
        self.waiting.append((token, done))
        if self.at_once:
            self.answer()

    def answer(self) -> None:
        token, done = self.waiting.pop(0)
        if token == "bad":
            done(Rejected("Could not validate token: bad"))
        elif token == "nobody knows":
            done(Unavailable("the provider does not answer"))
        else:
            identity = caller_of(token).identity
            assert identity is not None
            done(Verified(identity, self.expires_ns))


def signed_in(name: str, verifier: Verifier | None = None) -> tuple[Server, Socket]:
    server = Server(verify_user=verifier or Verifier())
    client = server.client()
    client.authenticate(name)
    client.take()
    return server, client


def test_a_token_is_confirmed_even_if_nothing_is_watched() -> None:
    client = Server(verify_user=Verifier()).client()
    client.authenticate("alice")
    assert versions(client.transition()) == ((0, 0), (0, 1))


def test_results_that_looked_at_the_identity_change_with_it() -> None:
    _, client = signed_in("alice")
    client.watch(0, "m:mine", group="aa", name="00")
    assert values(*client.settled()) == {0: ["alice", None]}
    client.authenticate("bob")
    (transition,) = client.settled()
    assert versions(transition) == ((1, 1), (1, 2))
    assert values(transition) == {0: ["bob", None]}


def test_an_identity_change_reruns_only_what_looked_at_the_identity() -> None:
    server, client = signed_in("alice")
    client.modify(added(0, "m:mine", group="aa", name="00"), added(1, "m:sum", group="aa"))
    client.settled()
    runs = server.engine.runs
    client.authenticate("bob")
    client.settled()
    assert server.engine.runs == runs + 1


def test_a_token_of_the_same_user_changes_nothing_but_the_version() -> None:
    server, client = signed_in("alice")
    client.watch(0, "m:mine", group="aa", name="00")
    client.settled()
    runs = server.engine.runs
    client.authenticate("alice")
    transition = client.transition()
    assert versions(transition) == ((1, 1), (1, 2))
    assert transition["modifications"] == []
    assert server.engine.runs == runs


def test_equal_results_of_another_identity_are_not_sent_again() -> None:
    _, client = signed_in("alice")
    client.watch(0, "m:sum", group="aa")
    client.settled()
    client.authenticate(
        None
    )  # Nobody is signed in any more, which may matter to which functions can be called.
    (transition,) = client.settled()
    assert versions(transition) == ((1, 1), (1, 2))
    assert transition["modifications"] == []


def test_users_are_never_shown_each_others_results() -> None:
    server = Server(verify_user=Verifier())
    alice, bob = server.client(), server.client()
    alice.authenticate("alice")
    bob.authenticate("bob")
    for client in (alice, bob):
        client.take()
        client.watch(0, "m:mine", group="aa", name="00")
    server.settle()
    assert values(alice.transition()) == {0: ["alice", None]}
    assert values(bob.transition()) == {0: ["bob", None]}
    server.write("aa", "00")
    server.settle()
    assert values(alice.transition()) == {0: ["alice", 2.0]}
    assert values(bob.transition()) == {0: ["bob", 2.0]}


def test_a_shared_query_that_begins_to_look_at_the_identity_is_split() -> None:
    server = Server(verify_user=Verifier())
    alice, bob = server.client(), server.client()
    for client, name in ((alice, "alice"), (bob, "bob")):
        client.authenticate(name)
        client.watch(0, "m:sometimes", group="aa", name="00")
    server.settle()
    assert server.engine.runs == 1
    for client in (alice, bob):
        assert values(client.take()[-1]) == {0: [0.0, None]}
    server.write("aa", "00", by=1)
    server.settle()
    assert values(alice.transition()) == {0: [1.0, "alice"]}
    assert values(bob.transition()) == {0: [1.0, "bob"]}


def test_one_shot_reads_of_a_query_that_looks_at_the_identity_are_each_their_own() -> None:
    server = Server()
    answers = {
        name: server.fetch("m:mine", {"group": "aa"}, caller_of(name)) for name in ("alice", "bob", "carol")
    }
    server.settle()
    for name, answer in answers.items():
        assert f'["{name}",null]'.encode() in repr(answer).encode()


def test_a_rejected_token_is_an_auth_error_and_a_close_without_code() -> None:
    _, client = signed_in("alice")
    client.authenticate("bad")
    assert client.take() == [
        {
            "type": "AuthError",
            "error": "Could not validate token: bad",
            "baseVersion": 1,
            "authUpdateAttempted": True,
        }
    ]
    assert client.closed == (None, "")


def test_the_version_in_an_auth_error_is_that_of_the_last_transition() -> None:
    verifier = Verifier()
    server = Server(verify_user=verifier)
    client = server.client()
    client.watch(0, "m:sum", group="aa")  # Not answered yet, so the next token is not confirmed.
    client.authenticate("alice")
    client.authenticate("bad")
    assert client.take()[-1]["baseVersion"] == 0


def test_without_providers_every_user_token_is_an_auth_error() -> None:
    client = Server().client()
    client.authenticate("eyJ...")
    (error,) = client.take()
    assert error["type"] == "AuthError"
    assert error["error"].startswith("No auth provider found matching the given token")
    assert client.closed == (None, "")


def test_a_provider_that_cannot_be_reached_closes_so_that_the_client_comes_back() -> None:
    client = Server(verify_user=Verifier()).client()
    client.authenticate("nobody knows")
    assert client.take() == []
    assert client.closed == (1013, "AuthProviderUnavailable")


def test_what_arrives_during_verification_is_worked_off_afterwards_in_order() -> None:
    verifier = Verifier()
    verifier.at_once = False
    server = Server(verify_user=verifier)
    client = server.client()
    client.authenticate("alice")
    client.watch(0, "m:mine", group="aa", name="00")
    client.authenticate("bob")
    client.mutate(0)
    assert client.settled() == []
    verifier.answer()
    assert not server.engine.lane, "the mutation was sent after bob's token"
    verifier.answer()
    assert [call.caller for call in server.engine.lane if call] == [caller_of("bob")]
    messages = client.settled()
    assert values(messages[-1]) == {0: ["bob", 2.0]}


def test_a_client_that_floods_an_unverified_socket_is_closed() -> None:
    from syncline.kernel.limits import Limits

    verifier = Verifier()
    verifier.at_once = False
    server = Server(Limits(frame_bytes=5_000), verify_user=verifier)
    client = server.client()
    client.authenticate("alice")
    for request in range(20):
        client.mutate(request, text="x" * 1000)
    assert client.closed == (1013, "TooManyMessages")
    verifier.answer()
    assert client.settled() == []


def test_a_mutation_runs_as_whoever_the_client_was_when_it_was_received() -> None:
    server, client = signed_in("alice")
    client.mutate(0)
    client.authenticate("bob")
    client.mutate(1)
    assert [call.caller for call in server.engine.lane if call] == [caller_of("alice"), caller_of("bob")]


def test_an_expired_token_is_noticed_at_the_next_mutation() -> None:
    verifier = Verifier()
    server = Server(verify_user=verifier)
    verifier.expires_ns = server.clock.wall_ns() + 10**9
    client = server.client()
    client.authenticate("alice")
    client.take()
    server.clock.advance(2)
    client.session.tick(server.clock.monotonic())
    assert client.closed is None, "an idle socket is left alone"
    client.mutate(0)
    assert client.take() == [
        {
            "type": "AuthError",
            "error": "The token has expired",
            "baseVersion": 1,
            "authUpdateAttempted": False,
        }
    ]
    assert client.closed == (None, "")
    assert not server.engine.lane


def test_an_expired_token_is_noticed_at_the_next_update() -> None:
    verifier = Verifier()
    server = Server(verify_user=verifier)
    verifier.expires_ns = server.clock.wall_ns() + 10**9
    client = server.client()
    client.authenticate("alice")
    client.watch(0, "m:sum", group="aa")
    client.settled()
    server.clock.advance(2)
    server.write("aa")
    (error,) = client.settled()
    assert error["type"] == "AuthError"
    assert error["authUpdateAttempted"] is False


def test_authenticating_from_another_version_closes_for_a_fresh_start() -> None:
    client = Server().client()
    client.receive({"type": "Authenticate", "baseVersion": 3, "tokenType": "None"})
    assert client.closed == (1011, "InternalServerError")
    assert client.take() == []


# Admins


def test_an_admin_may_call_internal_functions_and_is_nobody() -> None:
    server = Server()
    client = server.client()
    client.authenticate("the-admin-key", "Admin")
    client.modify(added(0, "m:internal", group="aa", name="00"), added(1, "m:mine", group="aa", name="00"))
    assert values(client.settled()[-1]) == {0: None, 1: [None, None]}


@pytest.mark.parametrize("field", ["impersonating", "acting_as"])
def test_an_admin_may_act_as_a_user(field: str) -> None:
    server = Server()
    client = server.client()
    attributes = {"subject": "alice", "issuer": "https://issuer.test"}
    client.authenticate("the-admin-key", "Admin", **{field: attributes})
    client.watch(0, "m:mine", group="aa", name="00")
    assert values(client.settled()[-1]) == {0: ["alice", None]}


def test_what_an_admin_may_see_nobody_else_is_shown_from_the_cache() -> None:
    server = Server()
    admin, client = server.client(), server.client()
    admin.authenticate("the-admin-key", "Admin")
    admin.watch(0, "m:internal", group="aa", name="00")
    server.settle()
    client.watch(0, "m:internal", group="aa", name="00")
    (transition,) = client.settled()
    assert "Could not find public function" in str(values(transition)[0])


def test_a_wrong_admin_key_is_an_auth_error() -> None:
    client = Server().client()
    client.authenticate("another-key", "Admin")
    (error,) = client.take()
    assert error["type"] == "AuthError"
    assert error["error"].startswith("BadDeployKey")
    assert client.closed == (None, "")


@pytest.mark.parametrize(
    ("attributes", "text"),
    [
        ({"name": "Alice"}, "needs issuer and subject"),
        ({"subject": "a", "issuer": "i", "emailVerified": "yes"}, "must be a bool"),
    ],
)
def test_an_identity_that_cannot_be_acted_as_is_an_auth_error(attributes: Json, text: str) -> None:
    client = Server().client()
    client.authenticate("the-admin-key", "Admin", impersonating=attributes)
    (error,) = client.take()
    assert text in error["error"]
    assert client.closed == (None, "")


def test_acting_identities_take_both_spellings_and_keep_all_claims() -> None:
    identity = acting_identity(
        {"tokenIdentifier": "https://i|s", "givenName": "A", "family_name": "B", "role": 3}
    )
    assert (identity.issuer, identity.subject) == ("https://i", "s")
    assert (identity.given_name, identity.family_name) == ("A", "B")
    assert identity.claims["role"] == 3
    assert identity.token_identifier == "https://i|s"


def test_a_socket_that_presents_tokens_without_end_is_closed() -> None:
    server = Server(Limits(session_authentications=3), verify_user=Verifier())
    client = server.client()
    for _ in range(2):
        for number in range(3):
            client.authenticate(f"user-{number}")
        client.settled()
        assert client.closed is None
        server.clock.advance(60)
    for number in range(4):
        client.authenticate(f"user-{number}")
    assert client.closed == (1013, "TooManyAuthentications")
