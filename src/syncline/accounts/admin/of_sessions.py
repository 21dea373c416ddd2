"""Sessions, and API keys: what acts as a user."""

from __future__ import annotations

from typing import Any

from syncline.accounts import api_keys, known_devices, sessions
from syncline.accounts.sessions import Session

from .asking import Asked, Endpoint, missing, page
from .describing import describe_api_key, describe_session

_DAY = 86_400


def _list(asked: Asked) -> Any:
    user_id = asked.user_of().id if "user" in asked else None
    found = sessions.all_live(asked.core, user_id, after=asked.after, limit=asked.limit + 1)
    return page([describe_session(session) for session in found], asked.limit)


def _show(asked: Asked) -> Any:
    return describe_session(_session(asked))


def _revoke(asked: Asked) -> Any:
    session = _session(asked)
    _end(asked, session)
    return {"id": session.id, "revoked": True}


def _revoke_all(asked: Asked) -> Any:
    user = asked.user_of()
    found = sessions.listed(asked.core, user.id)
    for session in found:
        _end(asked, session)
    known_devices.forget_all(asked.core, user.id)
    return {"revoked": len(found)}


def _end(asked: Asked, session: Session) -> None:
    sessions.end(asked.core, session.id, "revoked")
    asked.record("session.revoked", session.user_id, session=session.id)


def _session(asked: Asked) -> Session:
    found = sessions.get(asked.core, asked.path["session"])
    if found is None:
        raise missing()
    return found


def _list_keys(asked: Asked) -> Any:
    user_id = asked.user_of().id if "user" in asked else None
    found = api_keys.all_good(asked.core, user_id, after=asked.after, limit=asked.limit + 1)
    return page([describe_api_key(key) for key in found], asked.limit)


def _create_key(asked: Asked) -> Any:
    user = asked.user_of()
    days = asked.number("days", 0, most=36_500)
    scopes = tuple(asked.texts("scopes")) if "scopes" in asked else ()
    with asked.about("name"):
        key, secret = api_keys.create(
            asked.core,
            user.id,
            asked.text("name"),
            scopes,
            seconds=days * _DAY or None,
            visitor=asked.visitor,
            actor=asked.actor,
        )
    return {**describe_api_key(key), "secret": secret}


def _revoke_key(asked: Asked) -> Any:
    key = api_keys.get(asked.core, asked.path["key"])
    if key is None or not api_keys.revoke(asked.core, key.user_id, key.id, asked.visitor, actor=asked.actor):
        raise missing()
    return {"id": key.id, "revoked": True}


ENDPOINTS = (
    Endpoint("GET", "/sessions", _list, "those that live, of all or of one user", ("user", "after", "limit")),
    Endpoint("DELETE", "/sessions", _revoke_all, "ends all of a user", ("user",)),
    Endpoint("GET", "/sessions/{session}", _show, "one, with its device"),
    Endpoint("DELETE", "/sessions/{session}", _revoke, "ends one; its tokens are refused at once"),
    Endpoint("GET", "/api-keys", _list_keys, "those that work, of all or of one user", ("user", "after", "limit")),
    Endpoint(
        "POST",
        "/api-keys",
        _create_key,
        "a new one. Its `secret` is in this answer and nowhere else",
        ("user", "name", "scopes", "days"),
        201,
    ),
    Endpoint("DELETE", "/api-keys/{key}", _revoke_key, "ends one; its tokens are refused at once"),
)  # fmt: skip
