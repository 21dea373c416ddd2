"""The built-in sign-in of an application under test: accounts of the real identity provider, and the mails that it sent."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from shutil import rmtree

from syncline.accounts import (
    AccountError,
    AccountSettings,
    Core,
    IdentityProvider,
    Visitor,
    copies,
    flows,
    organizations,
    sessions,
    signing_in,
    tokens,
    users,
    uses_accounts,
)
from syncline.accounts.copies import Copies
from syncline.accounts.emails import clean_email
from syncline.accounts.mail import outbox
from syncline.accounts.mail.outbox import Mail
from syncline.auth import Accounts, Provider
from syncline.identity.claims import identity_of
from syncline.kernel.clock import Clock
from syncline.kernel.identity import Identity
from syncline.kernel.limits import Limits
from syncline.kernel.secrets import SecretBox

URL = "http://localhost:3210"
_BROWSER = "b" * 43
_CODE = re.compile(r"\b\d{6}\b")


class TestAccounts:
    """An identity provider on a file that is gone after the test. Made when a test first needs it."""

    __test__ = False

    def __init__(self, providers: Sequence[Provider], clock: Clock, limits: Limits) -> None:
        if not uses_accounts(providers):
            raise AssertionError(
                "the application has no accounts: none of its ways to sign in is Syncline's own. List one in app.py, "
                "for example App(auth=[Password()]); or use backend.signed_in(subject)"
            )
        declared = next((each for each in providers if isinstance(each, Accounts)), Accounts())
        others = [each for each in providers if not isinstance(each, Accounts)]
        # Making an RSA key takes longer than most tests.
        wanted = (*others, replace(declared, algorithm="ES256"))
        self._folder = Path(tempfile.mkdtemp(prefix="syncline-"))
        settings = AccountSettings(wanted, URL, False, limits=limits)
        self._provider = IdentityProvider.open(self._folder, settings, clock, SecretBox(bytes(32)), None)

    def sign_up(self, email: str, name: str, organization: str | None, role: str) -> Identity:
        """A new account, its address proved by the code in its mail: who its tokens say it is."""
        try:
            return self._provider.workers.call(self._sign_up, clean_email(email), name, organization, role)
        except AccountError as error:
            text = self._provider.core.pages.texts.get("en", error.text, **error.values)
            raise AssertionError(f"{email} cannot sign up: {text}") from None

    def mails(self) -> list[Mail]:
        """All mails so far, the oldest first."""
        return self._provider.workers.call(outbox.newest, self._provider.core)[::-1]

    def copies(self) -> Copies:
        """What functions may know of users and organisations and do not know yet; it counts as handed on."""
        return self._provider.workers.call(self._copies)

    def close(self) -> None:
        self._provider.close()
        rmtree(self._folder, ignore_errors=True)

    def _copies(self) -> Copies:
        core = self._provider.core
        changes = copies.changes(core, limit=-1)
        copies.settle(core, changes.notes)
        return changes.copies

    def _sign_up(self, email: str, name: str, organization: str | None, role: str) -> Identity:
        core, visitor = self._provider.core, Visitor("203.0.113.1", "test", "en")
        flow = signing_in.begin_sign_up(core, email, name, None, visitor, _BROWSER, "/")
        found = _CODE.search(outbox.newest(core, 1, email)[0].subject)
        if found is None:
            raise AssertionError(f"{email} cannot sign up: it has an account already, or needs an invitation")
        assert flows.try_code(core, flow, found[0]) == "right"
        user = signing_in.signed_up(core, flow, visitor)
        session, _ = sessions.begin(core, users.require(core, user.id), visitor, ("otp",))
        if organization is not None:
            self._join(core, organization, user.id, role)
            sessions.choose_organization(core, session.id, self._id_of(core, organization))
        current = sessions.get(core, session.id)
        assert current is not None
        claims = tokens.draft(core, current).claims
        return identity_of(claims, claims["iss"], claims["sub"])

    def _join(self, core: Core, name: str, user_id: str, role: str) -> None:
        existing = self._id_of(core, name)
        if existing is None:
            organizations.create(core, name, user_id)
        else:
            organizations.join(core, existing, user_id, role)

    def _id_of(self, core: Core, name: str) -> str | None:
        found: str | None = core.file.value("SELECT id FROM organizations WHERE name = ?", name)
        return found
