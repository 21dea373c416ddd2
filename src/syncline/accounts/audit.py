"""The log of security events: appended to, never changed, and trimmed by age only."""

from __future__ import annotations

from typing import Any, TypedDict

from .core import Core, Visitor, dumps, loads

_KEPT_SECONDS = 400 * 24 * 3600
_AGENT_LENGTH = 300


class AuditEntry(TypedDict):
    id: int
    at: int
    event: str
    user_id: str | None
    actor: str | None
    address: str
    agent: str
    data: dict[str, Any]


def record(
    core: Core,
    event: str,
    user_id: str | None,
    visitor: Visitor | None = None,
    *,
    actor: str | None = None,
    **data: object,
) -> None:
    """Append one event: `sign_in`, `password.changed`, ... Never give it a secret."""
    visitor = visitor or Visitor()
    core.file.change(
        "INSERT INTO audit(at, event, user_id, actor, address, agent, data) VALUES (?, ?, ?, ?, ?, ?, ?)",
        core.now(),
        event,
        user_id,
        actor,
        visitor.address,
        visitor.agent[:_AGENT_LENGTH],
        dumps(data),
    )


def entries(core: Core, *, user_id: str | None = None, after: int = 0, limit: int = 1000) -> list[AuditEntry]:
    """Events behind the one numbered `after`, oldest first; all of them or one user's."""
    found = core.file.rows(
        "SELECT id, at, event, user_id, actor, address, agent, data FROM audit "
        "WHERE id > ? AND (? IS NULL OR user_id = ?) ORDER BY id LIMIT ?",
        after,
        user_id,
        user_id,
        limit,
    )
    return [
        AuditEntry(
            id=row[0],
            at=row[1],
            event=row[2],
            user_id=row[3],
            actor=row[4],
            address=row[5],
            agent=row[6],
            data=loads(row[7]),
        )
        for row in found
    ]


def trim(core: Core) -> None:
    core.file.change("DELETE FROM audit WHERE at < ?", core.now() - _KEPT_SECONDS)
