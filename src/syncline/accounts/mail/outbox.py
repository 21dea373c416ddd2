"""The outbox: a table of mails that are to be sent, with their tries.

What they say is sealed: codes and links that are still good must not be in a copy of the file.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from syncline.accounts.core import Core

from .writing import write_mail

#: Mails that development shows.
SHOWN = 200
_TRIES = 10
_FIRST_WAIT = 15
_LONGEST_WAIT = 3 * 3600
_CONTEXT = "identity:mail"
_Row = tuple[int, int, str, str, str, str, str, int]


@dataclass(frozen=True, slots=True)
class Mail:
    id: int
    created_at: int
    #: What it is for: `sign_in`, `reset`, `invitation`, ...
    kind: str
    to: str
    subject: str
    text: str = field(repr=False)
    html: str = field(repr=False)
    tries: int = 0


def queue(core: Core, kind: str, to: str, locale: str, **values: object) -> None:
    """Write a mail of this kind and put it into the outbox. `code` and `url` are special values, see the templates."""
    waiting = count_waiting(core)
    # The server does not let itself be used to fill somebody's disk.
    if waiting >= core.settings.limits.mails_waiting:
        return
    mail = write_mail(core.pages, core.settings, kind, locale, values)
    core.file.change(
        "INSERT INTO mails(created_at, kind, recipient, subject, text, html, next_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
        core.now(),
        kind,
        to,
        *(core.box.seal(part, _CONTEXT) for part in (mail.subject, mail.text, mail.html)),
        core.now(),
    )
    core.posted = True


def count_waiting(core: Core) -> int:
    """How many mails are to be sent, now or later."""
    found: int = core.file.value("SELECT count(*) FROM mails WHERE next_at IS NOT NULL")
    return found


def due(core: Core, limit: int = 20) -> list[Mail]:
    rows = core.file.rows(
        "SELECT id, created_at, kind, recipient, subject, text, html, tries FROM mails WHERE next_at <= ? "
        "ORDER BY next_at, id LIMIT ?",
        core.now(),
        limit,
    )
    return [_opened(core, row) for row in rows]


def next_due(core: Core) -> int | None:
    """When the next mail is to be sent."""
    found: int | None = core.file.value("SELECT min(next_at) FROM mails")
    return found


def sent(core: Core, mail: Mail, *, keep: bool) -> None:
    """The mail is on its way. Unless it is kept for the inbox of development, its text, with its code, is forgotten."""
    core.file.change("UPDATE mails SET next_at = NULL, sent_at = ? WHERE id = ?", core.now(), mail.id)
    if not keep:
        core.file.change("UPDATE mails SET text = '', html = '', subject = '' WHERE id = ?", mail.id)


def failed(core: Core, mail: Mail, error: str, *, final: bool) -> bool:
    """Sending it failed. True: it is tried again, later and later."""
    again = not final and mail.tries + 1 < _TRIES
    wait = min(_FIRST_WAIT * 2**mail.tries, _LONGEST_WAIT)
    core.file.change(
        "UPDATE mails SET tries = tries + 1, error = ?, next_at = ? WHERE id = ?",
        error[:500],
        core.now() + wait if again else None,
        mail.id,
    )
    if not again:
        core.file.change("UPDATE mails SET text = '', html = '', subject = '' WHERE id = ?", mail.id)
    return again


def newest(core: Core, limit: int = SHOWN, to: str | None = None) -> list[Mail]:
    """The newest mails, sent or not, newest first."""
    rows = core.file.rows(
        "SELECT id, created_at, kind, recipient, subject, text, html, tries FROM mails "
        "WHERE ? IS NULL OR recipient = ? ORDER BY id DESC LIMIT ?",
        to,
        to,
        limit,
    )
    return [_opened(core, row) for row in rows]


def trim(core: Core) -> None:
    core.file.change(
        "DELETE FROM mails WHERE next_at IS NULL AND (created_at < ? OR id <= (SELECT max(id) FROM mails) - ?)",
        core.now() - 7 * 24 * 3600,
        20 * SHOWN,
    )


def _opened(core: Core, row: _Row) -> Mail:
    id, created_at, kind, to, *parts, tries = row
    # Texts that are not sealed are those that were forgotten, or older than sealing.
    subject, text, html = (
        core.box.open(part, _CONTEXT) if part.startswith("v1:") else part for part in parts
    )
    return Mail(id, created_at, kind, to, subject, text, html, tries)
