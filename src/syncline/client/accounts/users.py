"""`accounts.users`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .pages import UNSET, Pages, Requests, Unset, part
from .records import Address, ImportReport, Merge, User, UserDetails

Metadata = Mapping[str, Any]


class Users:
    """People with an account. `user` is an id, an external id or an address of theirs."""

    def __init__(self, requests: Requests) -> None:
        self._requests = requests
        self.addresses = Addresses(requests)

    def list(self, *, search: str = "", page_size: int = 100) -> Pages[User]:
        """All, or those with `search` in their name or address."""
        return self._requests.pages(User, "/users", page_size, search=search)

    def count(self, *, search: str = "") -> int:
        """How many `list` would give."""
        return int(self._requests.raw("GET", "/users/count", {"search": search} if search else None)["count"])

    def get(self, user: str) -> UserDetails:
        """One."""
        return self._requests.get(UserDetails, f"/users/{part(user)}")

    def create(
        self,
        *,
        email: str | Unset = UNSET,
        name: str | Unset = UNSET,
        password: str | Unset = UNSET,
        password_hash: str | Unset = UNSET,
        external_id: str | Unset | None = UNSET,
        image_url: str | Unset = UNSET,
        locale: str | Unset = UNSET,
        public_metadata: Metadata | Unset = UNSET,
        private_metadata: Metadata | Unset = UNSET,
        unsafe_metadata: Metadata | Unset = UNSET,
    ) -> UserDetails:
        """Make one, whose address counts as proved. `password_hash`: of argon2 or bcrypt, from elsewhere."""
        return self._requests.send(
            UserDetails,
            "POST",
            "/users",
            email=email,
            name=name,
            password=password,
            password_hash=password_hash,
            external_id=external_id,
            image_url=image_url,
            locale=locale,
            public_metadata=public_metadata,
            private_metadata=private_metadata,
            unsafe_metadata=unsafe_metadata,
        )

    def update(
        self,
        user: str,
        *,
        name: str | Unset = UNSET,
        password: str | Unset = UNSET,
        password_hash: str | Unset = UNSET,
        external_id: str | Unset | None = UNSET,
        image_url: str | Unset = UNSET,
        locale: str | Unset = UNSET,
        public_metadata: Metadata | Unset = UNSET,
        private_metadata: Metadata | Unset = UNSET,
        unsafe_metadata: Metadata | Unset = UNSET,
    ) -> UserDetails:
        """Change what is given. Metadata are replaced as a whole. A new password ends all sessions and API
        keys."""
        return self._requests.send(
            UserDetails,
            "PATCH",
            f"/users/{part(user)}",
            name=name,
            password=password,
            password_hash=password_hash,
            external_id=external_id,
            image_url=image_url,
            locale=locale,
            public_metadata=public_metadata,
            private_metadata=private_metadata,
            unsafe_metadata=unsafe_metadata,
        )

    def delete(self, user: str) -> str:
        """Delete one with all that belongs to the account; its id."""
        return str(self._requests.delete(f"/users/{part(user)}")["id"])

    def ban(self, user: str) -> UserDetails:
        """Keep one out, and end all sessions at once."""
        return self._post(user, "ban")

    def unban(self, user: str) -> UserDetails:
        """Let one in again."""
        return self._post(user, "unban")

    def lock(self, user: str) -> UserDetails:
        """As a ban, for the time being."""
        return self._post(user, "lock")

    def unlock(self, user: str) -> UserDetails:
        """Let one in again, also who tried too many passwords."""
        return self._post(user, "unlock")

    def impersonate(self, user: str, *, reason: str = "") -> str:
        """An address that makes a session of 15 minutes as the user, once, within ten minutes. The log tells of it."""
        path = f"/users/{part(user)}/impersonate"
        return str(self._requests.raw("POST", path, None, {"reason": reason})["url"])

    def merge(self, user: str, *, into: str) -> Merge:
        """Make one user of two: `user` is no more, and all of it belongs to `into`.

        Accounts are one when this returns; documents follow. `accounts.merges.wait(merge.source)` waits for them.
        """
        return self._requests.send(Merge, "POST", f"/users/{part(user)}/merge", into=into)

    def reset_second_step(self, user: str) -> UserDetails:
        """For who lost device and backup codes: turns the second step off, and ends all sessions."""
        path = f"/users/{part(user)}/second-step"
        return self._requests.send(UserDetails, "DELETE", path)

    def import_rows(self, rows: Sequence[Mapping[str, Any]]) -> ImportReport:
        """Rows of Clerk's export. Who is there already is skipped."""
        return self._requests.send(ImportReport, "POST", "/users/import", users=list_of(rows))

    def _post(self, user: str, what: str) -> UserDetails:
        return self._requests.send(UserDetails, "POST", f"/users/{part(user)}/{what}")


class Addresses:
    """`accounts.users.addresses`: the e-mail addresses of a user."""

    def __init__(self, requests: Requests) -> None:
        self._requests = requests

    def list(self, user: str) -> Pages[Address]:
        """The primary one first."""
        return self._requests.pages(Address, self._path(user), 0)

    def add(self, user: str, email: str, *, verified: bool = True, primary: bool = False) -> Address:
        """One more."""
        return self._requests.send(
            Address, "POST", self._path(user), email=email, verified=verified, primary=primary
        )

    def verify(self, user: str, email: str) -> Address:
        """Say that it is proved."""
        return self._requests.send(Address, "PATCH", f"{self._path(user)}/{part(email)}", verified=True)

    def make_primary(self, user: str, email: str) -> Address:
        """Make it the primary one; ends all sessions."""
        return self._requests.send(Address, "PATCH", f"{self._path(user)}/{part(email)}", primary=True)

    def remove(self, user: str, email: str) -> None:
        """Take away one that is not the primary one."""
        self._requests.delete(f"{self._path(user)}/{part(email)}")

    def _path(self, user: str) -> str:
        return f"/users/{part(user)}/addresses"


# Outside: inside the classes `list` is their method.
def list_of(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return list(rows)
