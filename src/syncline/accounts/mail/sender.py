"""Sending what is in the outbox, by SMTP."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from email.message import EmailMessage
from email.utils import formataddr, formatdate, parseaddr
from urllib.parse import SplitResult, unquote, urlsplit

from syncline.accounts.core import Core
from syncline.accounts.outbox_loop import OutboxLoop
from syncline.accounts.workers import Workers
from syncline.kernel.errors import SetupError

from . import outbox
from .outbox import Mail

logger = logging.getLogger("syncline.accounts")

_TIMEOUT = 30.0

#: Sends one mail. Raises what went wrong; PermanentError if another try is of no use.
Transport = Callable[[Mail], Awaitable[None]]


class PermanentError(Exception):
    """The mail server refuses this mail for good."""


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


def check_mail_url(url: str, production: bool) -> SplitResult:
    """The parts of `smtps://user:password@host:465` or `smtp://host:587`. Raises SetupError."""
    parts = urlsplit(url)
    try:
        good = parts.scheme in ("smtp", "smtps", "smtp+insecure") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good:
        raise SetupError(
            "the environment variable SYNCLINE_MAIL_URL is no address of a mail server",
            "for example smtps://user:password@mail.example.com:465 (smtp:// for STARTTLS on port 587)",
        )
    if (
        parts.scheme == "smtp+insecure"
        and production
        and parts.hostname not in ("localhost", "127.0.0.1", "::1")
    ):
        raise SetupError(
            "SYNCLINE_MAIL_URL is smtp+insecure://, which sends codes that anybody on the way can read",
            "use smtp:// or smtps://, or a mail server on this machine",
        )
    return parts


def smtp_transport(url: str, sender: str, production: bool) -> Transport:
    """Sends by the mail server at `url`. Raises SetupError."""
    parts = check_mail_url(url, production)
    if "@" not in parseaddr(sender)[1]:
        raise SetupError(
            f"the environment variable SYNCLINE_MAIL_FROM is {sender!r}, which is no sender",
            'for example "Acme <hello@acme.example>"',
        )
    secure, starttls = parts.scheme == "smtps", parts.scheme == "smtp"
    port = parts.port or (465 if secure else 587 if starttls else 25)

    async def send(mail: Mail) -> None:
        import aiosmtplib

        try:
            await aiosmtplib.send(
                as_message(mail, sender),
                hostname=parts.hostname,
                port=port,
                username=unquote(parts.username) if parts.username else None,
                password=unquote(parts.password) if parts.password else None,
                use_tls=secure,
                start_tls=True if starttls else None if secure else False,
                timeout=_TIMEOUT,
            )
        except aiosmtplib.SMTPResponseException as error:
            # 5xx answers about the recipient stay as they are; a wrong login may be put right.
            if 550 <= error.code < 560:
                raise PermanentError(f"{error.code} {error.message}") from None
            raise
        except aiosmtplib.SMTPRecipientsRefused as error:
            # There is one recipient. "Later" (4xx) is another answer than "never".
            if all(each.code >= 500 for each in error.recipients):
                raise PermanentError(str(error)) from None
            raise

    return send


def as_message(mail: Mail, sender: str) -> EmailMessage:
    """The mail as it goes over the wire. Line ends in headers are refused by the class itself."""
    message = EmailMessage()
    name, address = parseaddr(sender)
    message["From"] = formataddr((name, address))
    message["To"] = mail.to
    message["Subject"] = mail.subject
    message["Date"] = formatdate(mail.created_at)
    message["Message-ID"] = f"<syncline-{mail.id}-{mail.created_at}@{address.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(mail.text)
    message.add_alternative(mail.html, subtype="html")
    return message
