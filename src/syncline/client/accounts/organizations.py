"""`accounts.organizations`, `accounts.invitations` and `accounts.rules`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .pages import UNSET, Pages, Requests, Unset, part
from .records import Invitation, Member, Organization, Rule


class Organizations:
    """Groups of users. `organization` is an id or a slug."""

    def __init__(self, requests: Requests) -> None:
        self._requests = requests
        self.members = Members(requests)
        self.invitations = OrganizationInvitations(requests)

    def list(self, *, search: str = "", page_size: int = 100) -> Pages[Organization]:
        """All, or those with `search` in name or slug."""
        return self._requests.pages(Organization, "/organizations", page_size, search=search)

    def count(self) -> int:
        """How many there are."""
        return int(self._requests.raw("GET", "/organizations/count")["count"])

    def get(self, organization: str) -> Organization:
        """One."""
        return self._requests.get(Organization, f"/organizations/{part(organization)}")

    def create(
        self,
        name: str,
        *,
        user: str,
        slug: str | Unset = UNSET,
        public_metadata: Mapping[str, Any] | Unset = UNSET,
        private_metadata: Mapping[str, Any] | Unset = UNSET,
    ) -> Organization:
        """Make one, `user` its first administrator."""
        return self._requests.send(
            Organization,
            "POST",
            "/organizations",
            name=name,
            user=user,
            slug=slug,
            public_metadata=public_metadata,
            private_metadata=private_metadata,
        )

    def update(
        self,
        organization: str,
        *,
        name: str | Unset = UNSET,
        slug: str | Unset = UNSET,
        public_metadata: Mapping[str, Any] | Unset = UNSET,
        private_metadata: Mapping[str, Any] | Unset = UNSET,
    ) -> Organization:
        """Change what is given."""
        return self._requests.send(
            Organization,
            "PATCH",
            f"/organizations/{part(organization)}",
            name=name,
            slug=slug,
            public_metadata=public_metadata,
            private_metadata=private_metadata,
        )

    def delete(self, organization: str) -> None:
        """Delete one; its members stay users."""
        self._requests.delete(f"/organizations/{part(organization)}")


class Members:
    """`accounts.organizations.members`."""

    def __init__(self, requests: Requests) -> None:
        self._requests = requests

    def list(self, organization: str, *, page_size: int = 100) -> Pages[Member]:
        """Who is in it."""
        return self._requests.pages(Member, self._path(organization), page_size)

    def add(self, organization: str, user: str, *, role: str = "member") -> Member:
        """One more, at once and without an invitation."""
        return self._requests.send(Member, "POST", self._path(organization), user=user, role=role)

    def set_role(self, organization: str, user: str, role: str) -> Member:
        """Give one another role. The last administrator keeps it."""
        return self._requests.send(Member, "PATCH", f"{self._path(organization)}/{part(user)}", role=role)

    def remove(self, organization: str, user: str) -> None:
        """Take one out, but not the last administrator."""
        self._requests.delete(f"{self._path(organization)}/{part(user)}")

    def _path(self, organization: str) -> str:
        return f"/organizations/{part(organization)}/members"


class OrganizationInvitations:
    """`accounts.organizations.invitations`. `accounts.invitations.revoke` takes them back."""

    def __init__(self, requests: Requests) -> None:
        self._requests = requests

    def list(self, organization: str, *, page_size: int = 100) -> Pages[Invitation]:
        """Those that nobody accepted yet."""
        return self._requests.pages(Invitation, self._path(organization), page_size)

    def create(
        self, organization: str, email: str, *, role: str = "member", locale: str = "en"
    ) -> Invitation:
        """Send a mail with an invitation, which is good for a week and for its address only."""
        return self._requests.send(
            Invitation, "POST", self._path(organization), email=email, role=role, locale=locale
        )

    def _path(self, organization: str) -> str:
        return f"/organizations/{part(organization)}/invitations"


class Invitations:
    """Invitations to the application."""

    def __init__(self, requests: Requests) -> None:
        self._requests = requests

    def list(self, *, page_size: int = 100) -> Pages[Invitation]:
        """Those that nobody accepted yet."""
        return self._requests.pages(Invitation, "/invitations", page_size)

    def create(self, email: str, *, locale: str = "en") -> Invitation:
        """Send a mail with an invitation, which is good for a week and for its address only."""
        return self._requests.send(Invitation, "POST", "/invitations", email=email, locale=locale)

    def revoke(self, invitation: str) -> None:
        """Take one back, of organisations too."""
        self._requests.delete(f"/invitations/{part(invitation)}")


class Rules:
    """Who may sign up: `@example.com` or an address. With any allowed one, all others may not."""

    def __init__(self, requests: Requests) -> None:
        self._requests = requests

    def list(self, *, page_size: int = 100) -> Pages[Rule]:
        """All of them."""
        return self._requests.pages(Rule, "/rules", page_size)

    def allow(self, pattern: str) -> Rule:
        """Let these sign up."""
        return self._requests.send(Rule, "POST", "/rules", pattern=pattern, allowed=True)

    def block(self, pattern: str) -> Rule:
        """Let these not sign up."""
        return self._requests.send(Rule, "POST", "/rules", pattern=pattern, allowed=False)

    def remove(self, pattern: str) -> None:
        """Take a rule away."""
        self._requests.delete(f"/rules/{part(pattern)}")
