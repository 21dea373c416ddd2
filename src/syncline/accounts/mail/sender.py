"""Sending what is in the outbox, by a mail server or by somebody's API."""

from __future__ import annotations

import logging
from email.utils import parseaddr
from urllib.parse import urlsplit

from syncline.accounts.core import Core
from syncline.accounts.outbox_loop import OutboxLoop
from syncline.accounts.outgoing import Outgoing
from syncline.accounts.settings import AccountSettings
from syncline.accounts.workers import Workers
from syncline.kernel.errors import SetupError

from . import outbox
from .outbox import Mail
from .posting import check_receiver, posting_transport
from .smtp import check_server, smtp_transport
from .transport import PermanentError, Transport

logger = logging.getLogger("syncline.accounts")


class Mailer:
    """Sends the mails of the outbox."""

    def __init__(self, core: Core, workers: Workers, transport: Transport | None) -> None:
        """Without a transport mails are kept for the inbox page of development, and count as sent."""
        self._core = core
        self._workers = workers
        self.transport = transport
        #: What calls `send_due`.
        self.loop = OutboxLoop("mails", self.send_due, self._next_wait)

    async def send_due(self) -> int:
        """Send what is due. How many mails were tried."""
        mails = await self._workers.run(outbox.due, self._core)
        for mail in mails:
            await self._send(mail)
        return len(mails)

    async def _next_wait(self) -> float | None:
        due = await self._workers.run(outbox.next_due, self._core)
        return None if due is None else due - self._core.now()

    async def _send(self, mail: Mail) -> None:
        core = self._core
        if self.transport is None:
            await self._workers.run(outbox.sent, core, mail, keep=True)
            return
        try:
            await self.transport(mail)
        except Exception as error:  # Whatever a mail server or the network does, the next mail is tried.
            final = isinstance(error, PermanentError)
            # The text of the error may name the recipient, and nothing else of the mail.
            again = await self._workers.run(
                outbox.failed, core, mail, f"{type(error).__name__}: {error}", final=final
            )
            logger.warning(
                "a mail (%s, number %d) could not be sent%s: %s: %s",
                mail.kind,
                mail.id,
                "; it is tried again" if again else ", and is given up",
                type(error).__name__,
                error,
            )
        else:
            await self._workers.run(outbox.sent, core, mail, keep=not core.settings.production)


def choose_transport(core: Core, outgoing: Outgoing) -> Transport | None:
    """What sends mails to where `SYNCLINE_MAIL_URL` says; None: nothing does. Raises SetupError."""
    settings = core.settings
    if not settings.mail_url:
        return None
    check_mail_settings(settings)
    parts = urlsplit(settings.mail_url)
    if parts.scheme in ("https", "http"):
        url, secret = settings.mail_url, settings.mail_secret
        return posting_transport(core, outgoing, url, secret, settings.mail_from)
    return smtp_transport(parts, settings.mail_from)


def check_mail_settings(settings: AccountSettings) -> None:
    """Whether mails can be sent as the environment says. Raises SetupError."""
    parts = urlsplit(settings.mail_url or "")
    schemes = ("smtp", "smtps", "smtp+insecure", "https", "http")
    try:
        good = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good:
        raise SetupError(
            "the environment variable SYNCLINE_MAIL_URL is no address of a mail server",
            "for example smtps://user:password@mail.example.com:465 (smtp:// for STARTTLS on port 587), or https://... "
            "of a receiver that mails are posted to",
        )
    if parts.scheme in ("https", "http"):
        check_receiver(parts, settings.mail_secret)
    else:
        check_server(parts, settings.production)
    if "@" not in parseaddr(settings.mail_from)[1]:
        raise SetupError(
            f"the environment variable SYNCLINE_MAIL_FROM is {settings.mail_from!r}, which is no sender",
            'for example "Acme <hello@acme.example>"',
        )
