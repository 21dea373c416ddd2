"""Flows: what somebody without a session has begun, such as a sign-in that waits for its code.

A flow belongs to one browser, by a cookie that never becomes a session's. What a mail brings is a code, for the window
that waits, and a link; both work once.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from typing import Any, Literal

from . import fixed_codes
from .core import Core, dumps, loads

#: Wrong codes before a flow is over.
ATTEMPTS = 5

Result = Literal["right", "wrong", "over"]


@dataclass(frozen=True, slots=True)
class Flow:
    id: str
    purpose: str
    user_id: str | None
    #: The e-mail address that it is about.
    address: str | None
    expires_at: int
    created_at: int
    attempts: int
    state: dict[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Started:
    """A new flow with its secrets, which are nowhere else in readable form."""

    flow: Flow
    code: str = field(repr=False)
    link: str = field(repr=False)


def start(
    core: Core,
    purpose: str,
    browser: str,
    *,
    seconds: int,
    user_id: str | None = None,
    address: str | None = None,
    here: bool = False,
    **state: object,
) -> Started:
    """Begin a flow. An unfinished one of the same browser for the same purpose is over. `here`: see `Visitor`."""
    browser_hash = core.digest("browser", browser)
    core.file.change(
        "UPDATE flows SET used = 1 WHERE purpose = ? AND browser_hash = ? AND address IS ? AND used = 0",
        purpose,
        browser_hash,
        address,
    )
    id, link = core.new_id("flow"), core.new_secret()
    code = (fixed_codes.take(core, address) if here and address is not None else None) or core.new_code()
    core.file.change(
        "INSERT INTO flows(id, purpose, browser_hash, user_id, address, state, code_hash, link_hash, created_at, "
        "expires_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        id,
        purpose,
        browser_hash,
        user_id,
        address,
        dumps(state),
        core.digest("code", purpose, id, code),
        core.digest("link", purpose, id, link),
        core.now(),
        core.now() + seconds,
    )
    flow = get(core, id, browser)
    assert flow is not None
    return Started(flow, code, link)


def get(core: Core, id: str, browser: str, *purposes: str) -> Flow | None:
    """The open flow, if it is this browser's and for one of the purposes."""
    row = core.file.row(
        "SELECT id, purpose, user_id, address, expires_at, created_at, attempts, state, browser_hash FROM flows "
        "WHERE id = ? AND used = 0 AND expires_at > ? AND attempts < ?",
        id,
        core.now(),
        ATTEMPTS,
    )
    if row is None or not hmac.compare_digest(row[8], core.digest("browser", browser)):
        return None
    if purposes and row[1] not in purposes:
        return None
    id, purpose, user_id, address, expires_at, created_at, attempts, state, _ = row
    return Flow(id, purpose, user_id, address, expires_at, created_at, attempts, loads(state))


def is_open(core: Core, id: str) -> bool:
    """Whether a flow is open, in whatever browser."""
    found = core.file.row("SELECT 1 FROM flows WHERE id = ? AND used = 0 AND expires_at > ?", id, core.now())
    return found is not None


def try_code(core: Core, flow: Flow, code: str) -> Result:
    """Consume the flow by the code of its mail. A wrong one counts."""
    digits = "".join(char for char in code if char.isdigit())
    return _try(core, flow, "code", digits)


def try_link(core: Core, flow: Flow, token: str) -> Result:
    """Consume the flow by the token of its link."""
    return _try(core, flow, "link", token)


def fits_link(core: Core, flow: Flow, token: str) -> bool:
    """Whether this is the token of the flow's link, without consuming anything."""
    stored: bytes = core.file.value("SELECT link_hash FROM flows WHERE id = ?", flow.id)
    return hmac.compare_digest(stored, core.digest("link", flow.purpose, flow.id, token))


def finish(core: Core, flow: Flow) -> bool:
    """Consume the flow. True for one caller only, however many try at the same time."""
    return core.file.change("UPDATE flows SET used = 1 WHERE id = ? AND used = 0", flow.id) == 1


def fail(core: Core, flow: Flow) -> None:
    """Count a wrong attempt at what the flow waits for."""
    core.file.change("UPDATE flows SET attempts = attempts + 1 WHERE id = ?", flow.id)


def update(core: Core, flow: Flow, **state: object) -> None:
    core.file.change("UPDATE flows SET state = ? WHERE id = ?", dumps({**flow.state, **state}), flow.id)


def trim(core: Core) -> None:
    core.file.change("DELETE FROM flows WHERE expires_at < ? OR used = 1", core.now())
    excess: int = core.file.value("SELECT count(*) FROM flows") - core.settings.limits.sign_in_flows
    if excess > 0:
        core.file.change(
            "DELETE FROM flows WHERE id IN (SELECT id FROM flows ORDER BY expires_at LIMIT ?)", excess
        )


def _try(core: Core, flow: Flow, kind: str, secret: str) -> Result:
    stored: bytes | None = core.file.value(
        f"SELECT {kind}_hash FROM flows WHERE id = ? AND used = 0 AND expires_at > ? AND attempts < ?",  # noqa: S608 - kinds from here
        flow.id,
        core.now(),
        ATTEMPTS,
    )
    if stored is None:
        return "over"
    if not hmac.compare_digest(stored, core.digest(kind, flow.purpose, flow.id, secret)):
        fail(core, flow)
        return "over" if flow.attempts + 1 >= ATTEMPTS else "wrong"
    return "right" if finish(core, flow) else "over"
