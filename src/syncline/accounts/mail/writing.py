"""What mails say: the texts of their kind in a frame, as plain text and as HTML."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from syncline.accounts.colors import on_color
from syncline.accounts.rendering import Renderer
from syncline.accounts.settings import AccountSettings
from syncline.kernel.errors import SetupError

from .samples import SAMPLES, sample
from .templates import check_files, explain

#: Kinds that tell of a change: they say what to do if somebody else made it.
_NOTICES = frozenset(
    {"password_changed", "email_changed", "factor_changed", "new_device", "second_failed", "token_reused"}
)

Fill = Callable[[str, str, str, Mapping[str, object]], str | None]


@dataclass(frozen=True, slots=True)
class Written:
    """A mail of some kind, in one language."""

    kind: str
    locale: str
    subject: str
    text: str = field(repr=False)
    html: str = field(repr=False)


def write_mail(
    pages: Renderer, settings: AccountSettings, kind: str, locale: str, values: Mapping[str, object]
) -> Written:
    """A mail that is to be sent."""
    return _write(pages, settings, kind, locale, values, pages.mails.render)


def preview(pages: Renderer, settings: AccountSettings, kind: str, locale: str) -> Written:
    """A mail with data that are made up. Raises SetupError for a template that fails, naming file and line."""
    try:
        return _write(pages, settings, kind, locale, sample(settings, kind), pages.mails.render_own)
    except Exception as error:
        raise SetupError(
            explain(error, settings.accounts.mail_templates), "see docs/email.md for what templates are given"
        ) from error


def check_templates(settings: AccountSettings) -> None:
    """Try the application's own texts, and its templates, each with made-up data in each language. Raises SetupError for the first that fails."""
    pages, folder = Renderer(settings), settings.accounts.mail_templates
    if folder is None:
        return
    check_files(folder, list(SAMPLES), pages.texts.languages)
    for kind in SAMPLES:
        for locale in pages.texts.languages:
            preview(pages, settings, kind, locale)


def _write(
    pages: Renderer,
    settings: AccountSettings,
    kind: str,
    locale: str,
    values: Mapping[str, object],
    fill: Fill,
) -> Written:
    words = {"app": settings.name, "minutes": settings.code_seconds // 60, **values}

    def say(name: str, **more: object) -> str:
        return pages.texts.get(locale, name, **{**words, **more})

    code, url = values.get("code"), values.get("url")
    after: list[str] = []
    if code:
        after += [say("mail.minutes"), say("mail.ignore")]
    if kind in _NOTICES:
        after.append(say("mail.not_you", url=f"{settings.issuer}/reset"))
    content: dict[str, object] = {
        "code": None,
        "url": None,
        **words,
        "kind": kind,
        "locale": locale,
        "site": settings.url,
        "accent": settings.accounts.theme.accent,
        "on_accent": on_color(settings.accounts.theme.accent) or "#ffffff",
        "greeting": say("mail.greeting"),
        "paragraphs": [
            say(f"mail.{kind}.text"),
            *(say(name, keys=f"{settings.issuer}/api-keys") for name in _more(kind, values)),
        ],
        "code_line": say("mail.code_line") if code else "",
        "button": say(f"mail.{kind}.button") if url else "",
        "after": after,
        "t": say,
    }
    subject = fill(kind, locale, "subject.txt", content) or say(f"mail.{kind}.subject")
    content["subject"] = " ".join(subject.split())
    text, html = (fill(kind, locale, form, content) or "" for form in ("txt", "html"))
    return Written(kind, locale, str(content["subject"]), text, html)


def _more(kind: str, values: Mapping[str, object]) -> list[str]:
    """The names of further texts: what a new password did to API keys, if there are any."""
    if kind != "password_changed":
        return []
    return [f"mail.{kind}.{name}" for name in ("ended", "working") if values.get(name)]
