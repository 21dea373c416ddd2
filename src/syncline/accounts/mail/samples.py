"""Every mail that there is, with data that are made up: to look at, and to try templates with."""

from __future__ import annotations

from collections.abc import Mapping

from syncline.accounts.settings import AccountSettings

_CODE = "123456"
_LINK = "{issuer}/link?flow=flow_sample&token=sample"
_DEVICE = {"device": "Firefox, Linux", "address": "203.0.113.7"}

#: The values that each kind of mail comes with, beside those of all.
SAMPLES: Mapping[str, Mapping[str, object]] = {
    "sign_in": {"code": _CODE, "url": _LINK},
    "unknown": {"url": "{issuer}/sign-up"},
    "sign_up": {"code": _CODE, "url": _LINK},
    "connect": {"code": _CODE, "url": _LINK, "provider": "Microsoft"},
    "exists": {"url": "{issuer}/sign-in"},
    "closed": {},
    "reset": {"code": _CODE, "url": _LINK, "minutes": 30},
    "add_email": {"code": _CODE, "url": _LINK},
    "taken": {},
    "reverify": {"code": _CODE, "url": _LINK},
    "password_changed": {"ended": 2, "working": 1},
    "email_changed": {"email": "new@example.com"},
    "factor_changed": {"what": "passkey"},
    "new_device": _DEVICE,
    "second_failed": {"count": 10, **_DEVICE},
    "token_reused": {},
    "deleted": {},
    "invitation": {
        "where": "Orchard",
        "who": "Ada Lovelace",
        "url": "{issuer}/invitation?ticket=sample",
    },
}


def sample(settings: AccountSettings, kind: str) -> dict[str, object]:
    """What a mail of this kind could be about."""
    return {
        name: value.format(issuer=settings.issuer) if isinstance(value, str) else value
        for name, value in SAMPLES[kind].items()
    }
