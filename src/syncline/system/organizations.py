"""What functions may know of organisations: copies that follow the accounts, for queries and for rules."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from syncline.schema import Document, Index, members, private


class OrganizationMember(Document, table="_organization_members"):
    """Somebody's membership in an organisation of the built-in sign-in.

    `user_id` names the member as rules do (as `owned_by` fields hold it), `subject` as `UserProfile` does.
    `organization_id` is the `id` of tokens' claim `o`. Public functions see all members of the organisations that the
    caller belongs to; nobody writes them but the accounts.

        class Plan(Document):
            organization_id: str

            by_organization = Index("organization_id")
            access = members("organization_id", via=OrganizationMember.by_user, field="organization_id")
    """

    user_id: str
    subject: str
    organization_id: str
    role: str
    since: datetime

    by_user = Index("user_id", "organization_id")
    by_organization = Index("organization_id", "subject", unique=True)
    access = members("organization_id", via=by_user, field="organization_id")


class CopyState(Document, table="_copies"):
    """How far the copies of accounts are; one row. `stamp` names the last batch."""

    stamp: str

    access = private


class Organization(Document, table="_organizations"):
    """An organisation of the built-in sign-in. Public functions see those that the caller belongs to.

    `metadata` are the public ones.
    """

    organization_id: str
    slug: str
    name: str
    metadata: dict[str, Any]
    since: datetime

    by_organization = Index("organization_id", unique=True)
    # Not unique: two organisations may trade slugs, and arrive here one after the other.
    by_slug = Index("slug")
    access = members("organization_id", via=OrganizationMember.by_user, field="organization_id")
