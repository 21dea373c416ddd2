"""Webhooks are taken if they are signed and from now, and once; on the real engine, without a network."""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator

import pytest
from backend import events

from syncline.testing import Backend, Reply

STRIPE = "whsec_stripe"
USERS = "whsec_" + base64.b64encode(b"a key of some bytes").decode()
EVENT = json.dumps({"id": "evt_1", "type": "invoice.paid", "data": {"object": {"id": "in_7"}}}).encode()


@pytest.fixture(autouse=True)
def secrets(backend: Backend) -> Iterator[None]:
    backend.set_env(STRIPE_WEBHOOK_SECRET=STRIPE, USERS_WEBHOOK_SECRET=USERS)
    yield


def send_stripe(backend: Backend, body: bytes = EVENT, *, secret: str = STRIPE, age: int = 0) -> Reply:
    sent = int(backend.now.timestamp()) - age
    signature = hmac.new(secret.encode(), f"{sent}.".encode() + body, hashlib.sha256).hexdigest()
    headers = {"Stripe-Signature": f"t={sent},v1=00,v1={signature},v0=11"}
    return backend.request("POST", "/webhooks/stripe", content=body, headers=headers)


def test_a_signed_event_is_kept_once(backend: Backend) -> None:
    with backend.subscribe(events.recent) as shown:
        assert send_stripe(backend).status_code == 204
        assert [(event.kind, event.summary) for event in shown.latest] == [("invoice.paid", "in_7")]
    assert send_stripe(backend).status_code == 204
    assert len(backend.query(events.recent)) == 1


@pytest.mark.parametrize(("secret", "age"), [("whsec_wrong", 0), (STRIPE, 301), (STRIPE, -301)])
def test_a_forged_or_old_event_is_refused(backend: Backend, secret: str, age: int) -> None:
    assert send_stripe(backend, secret=secret, age=age).status_code == 400
    assert backend.query(events.recent) == []


def test_a_changed_body_is_refused(backend: Backend) -> None:
    sent = int(backend.now.timestamp())
    signature = hmac.new(STRIPE.encode(), f"{sent}.".encode() + EVENT, hashlib.sha256).hexdigest()
    changed = backend.request(
        "POST",
        "/webhooks/stripe",
        content=EVENT.replace(b"in_7", b"in_8"),
        headers={"Stripe-Signature": f"t={sent},v1={signature}"},
    )
    assert changed.status_code == 400
    assert backend.request("POST", "/webhooks/stripe", content=EVENT).status_code == 400


def test_an_event_that_is_signed_as_svix_does_is_kept(backend: Backend) -> None:
    body = json.dumps({"type": "user.created", "data": {"id": "user_1"}}).encode()
    sent = str(int(backend.now.timestamp()))
    key = base64.b64decode(USERS.removeprefix("whsec_"))
    signature = base64.b64encode(
        hmac.new(key, f"msg_1.{sent}.".encode() + body, hashlib.sha256).digest()
    ).decode()
    headers = {"svix-id": "msg_1", "svix-timestamp": sent, "svix-signature": f"v1,AAAA v1,{signature}"}
    assert backend.request("POST", "/webhooks/users", content=body, headers=headers).status_code == 204
    assert backend.query(events.recent)[0].kind == "user.created"
    headers["svix-id"] = "msg_2"
    assert backend.request("POST", "/webhooks/users", content=body, headers=headers).status_code == 400
