"""The templates of pages and mails, with the words of a language."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from .mail.templates import MailTemplates
from .settings import AccountSettings
from .texts import Texts

if TYPE_CHECKING:
    from jinja2 import Environment

FOLDER = Path(__file__).parent / "pages" / "html"


class Renderer:
    """Renders templates; on any thread."""

    def __init__(self, settings: AccountSettings) -> None:
        self.texts = Texts(settings.accounts.texts)
        self.mails = MailTemplates(settings.accounts.mail_templates)
        self._settings = settings

    def render(self, template: str, *, locale: str, **values: object) -> str:
        """A template of the folder `pages/html`. In it `t("name", ...)` is a text of the language."""

        def say(name: str, **words: object) -> str:
            return self.texts.get(locale, name, **{"app": self._settings.name, **words})

        theme = self._settings.accounts.theme
        return self._environment.get_template(template).render(
            t=say, locale=locale, settings=self._settings, theme=theme, **values
        )

    def prepare(self) -> None:
        """Read and compile all templates: done once, in a thread, so that no page waits for the disk."""
        for name in self._environment.list_templates():
            self._environment.get_template(name)

    def device(self, agent: str) -> str:
        return device_name(agent)

    @cached_property
    def _environment(self) -> Environment:
        from jinja2 import FileSystemLoader, StrictUndefined, select_autoescape
        from jinja2.sandbox import SandboxedEnvironment

        environment = SandboxedEnvironment(
            loader=FileSystemLoader(FOLDER),
            autoescape=select_autoescape(["html"]),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        environment.filters["date"] = _date
        environment.filters["device"] = device_name
        return environment


def _date(seconds: int | None) -> str:
    return "" if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")


_BROWSERS = (
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)


def device_name(agent: str) -> str:
    """What people call a device: `Firefox, Linux`."""
    if "/" not in agent.partition(" ")[0]:
        return agent[:60] or "?"  # No `Product/1.0`, but what a program calls itself.
    browser = next((name for part, name in _BROWSERS if part in agent), "")
    system = next((name for part, name in _SYSTEMS if part in agent), "")
    return ", ".join(part for part in (browser, system) if part) or agent[:40] or "?"
