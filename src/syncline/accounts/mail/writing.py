"""What mails say: the texts of their kind in a frame, as plain text and as HTML."""

from __future__ import annotations

from collections.abc import Mapping

from syncline.accounts.rendering import Renderer
from syncline.accounts.settings import AccountSettings

#: Kinds that tell of a change: they say what to do if somebody else made it.
_NOTICES = frozenset({"password_changed", "email_changed", "factor_changed", "new_device", "token_reused"})


def write_mail(
    pages: Renderer, settings: AccountSettings, kind: str, locale: str, values: Mapping[str, object]
) -> tuple[str, str, str]:
    """Subject, text and HTML."""
    words = {"app": settings.name, "minutes": settings.code_seconds // 60, **values}

    def say(name: str) -> str:
        return pages.texts.get(locale, name, **words)

    subject = " ".join(say(f"mail.{kind}.subject").split())
    paragraphs = [say(f"mail.{kind}.text")]
    code, url = values.get("code"), values.get("url")
    after: list[str] = []
    if code:
        after += [say("mail.minutes"), say("mail.ignore")]
    if kind in _NOTICES:
        words["url"] = f"{settings.issuer}/reset"
        after.append(say("mail.not_you"))
    button = say(f"mail.{kind}.button") if url else ""
    content = {
        "subject": subject,
        "greeting": say("mail.greeting"),
        "paragraphs": paragraphs,
        "code": code,
        "code_line": say("mail.code_line") if code else "",
        "url": url,
        "button": button,
        "after": after,
    }
    return (
        subject,
        pages.render("mail.txt", locale=locale, **content),
        pages.render("mail.html", locale=locale, **content),
    )
