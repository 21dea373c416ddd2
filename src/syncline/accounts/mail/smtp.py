"""Sending mails by SMTP."""

from __future__ import annotations

from email.message import EmailMessage
from email.utils import formataddr, formatdate, parseaddr
from urllib.parse import SplitResult, unquote

from syncline.kernel.errors import SetupError

from .outbox import Mail
from .transport import PermanentError, Transport

_TIMEOUT = 30.0


def check_server(parts: SplitResult, production: bool) -> None:
    """Whether `SYNCLINE_MAIL_URL`, by SMTP, can be. Raises SetupError."""
    if (
        parts.scheme == "smtp+insecure"
        and production
        and parts.hostname not in ("localhost", "127.0.0.1", "::1")
    ):
        raise SetupError(
            "SYNCLINE_MAIL_URL is smtp+insecure://, which sends codes that anybody on the way can read",
            "use smtp:// or smtps://, or a mail server on this machine",
        )


def smtp_transport(parts: SplitResult, sender: str) -> Transport:
    """Sends by the mail server at `smtps://user:password@host:465` or `smtp://host:587`, which was checked."""
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
