"""Whether a webhook is from who it says: HMAC-SHA256 over the raw body and the time it was sent."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime

#: Older ones may be replays of what somebody recorded.
TOLERANCE_SECONDS = 300


class BadSignatureError(Exception):
    """The webhook is not from its sender, or not from now."""


def check_stripe(body: bytes, headers: Mapping[str, str], secret: str, now: datetime) -> None:
    """`Stripe-Signature: t=SECONDS,v1=HEX,v1=HEX`; the secret is used as it is written: `whsec_...`."""
    parts = [part.partition("=") for part in headers.get("stripe-signature", "").split(",")]
    sent = next((value for name, _, value in parts if name == "t"), "")
    expected = hmac.new(secret.encode(), f"{sent}.".encode() + body, hashlib.sha256).hexdigest()
    _check(sent, expected, [value for name, _, value in parts if name == "v1"], now)


def check_svix(body: bytes, headers: Mapping[str, str], secret: str, now: datetime) -> None:
    """`svix-signature: v1,BASE64 v1,BASE64`; behind `whsec_` the secret is base64 (Clerk, Resend and others send so)."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    sent = headers.get("svix-timestamp", "")
    signed = f"{headers.get('svix-id', '')}.{sent}.".encode() + body
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    parts = [part.partition(",") for part in headers.get("svix-signature", "").split(" ")]
    _check(sent, expected, [value for version, _, value in parts if version == "v1"], now)


def _check(sent: str, expected: str, given: list[str], now: datetime) -> None:
    # While a secret is replaced there are several signatures; one of them must be right.
    if not any(hmac.compare_digest(expected.encode(), each.encode()) for each in given):
        raise BadSignatureError("the signature does not fit")
    if not sent.isascii() or not sent.isdecimal() or abs(now.timestamp() - int(sent)) > TOLERANCE_SECONDS:
        raise BadSignatureError("the webhook is not from now")
