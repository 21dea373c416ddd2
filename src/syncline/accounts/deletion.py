"""The end of an account."""

from __future__ import annotations

from . import api_keys, audit, events, merging, organizations, sessions, users
from .core import Core, Visitor
from .mail.outbox import queue


def delete_user(
    core: Core, user_id: str, *, visitor: Visitor | None = None, actor: str | None = None
) -> None:
    """Delete a user with everything that belongs to it. Its sessions end, its tokens are refused from now on.

    Raises AccountError if an organisation would be left without anybody in charge; one without other members is deleted.
    """
    user = users.require(core, user_id)
    for membership in organizations.memberships(core, user_id):
        if len(organizations.members(core, membership.organization)) == 1:
            organizations.delete(core, membership.organization)
        else:
            organizations.leave(core, membership.organization, user_id)
    sessions.end_all(core, user_id, "user deleted")
    core.ended += [key.id for key in api_keys.listed(core, user_id)]
    core.file.change("DELETE FROM flows WHERE user_id = ?", user_id)
    core.file.change("DELETE FROM users WHERE id = ?", user_id)
    # What the log says of somebody who is gone is that something happened, not from where.
    for id in (user_id, *merging.former_ids(core, user_id)):
        core.file.change("UPDATE audit SET address = '', agent = '', data = '{}' WHERE user_id = ?", id)
    audit.record(core, "user.deleted", user_id, visitor, actor=actor)
    events.emit(core, "user.deleted", {"id": user_id, "object": "user", "deleted": True})
    if user.email:
        queue(core, "deleted", user.email, user.locale)
