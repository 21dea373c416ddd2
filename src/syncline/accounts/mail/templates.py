"""The templates of mails: the application's own, language by language, before those that come with Syncline."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from syncline.kernel.errors import SetupError

if TYPE_CHECKING:
    from jinja2 import Environment

FOLDER = Path(__file__).parents[1] / "pages" / "mail"
#: The frame of all mails, which a kind's own template takes the place of.
FRAME = "mail"
FORMS = ("html", "txt", "subject.txt")
_SUFFIXES = (".html", ".txt")
#: Under this the templates of Syncline are found by those that take their names: `{% extends "built-in/mail.html" %}`.
BUILT_IN = "built-in"

logger = logging.getLogger("syncline.accounts")


class MailTemplates:
    """Templates of one folder. Used by the thread of the identity file only, but for `check`."""

    def __init__(self, folder: Path | None) -> None:
        """`folder`: the application's; None: it has none of its own."""
        self._folder = folder

    def render(self, kind: str, locale: str, form: str, values: Mapping[str, object]) -> str | None:
        """A mail of this kind as `html`, `txt` or `subject.txt`; None: there is no template for its subject.

        A template of the application that fails is logged, and the built-in one takes its place: people get their codes.
        """
        try:
            return self.render_own(kind, locale, form, values)
        except Exception as error:
            logger.error("%s", explain(error, self._folder), exc_info=error)
        return self._fill([f"{BUILT_IN}/{FRAME}.{form}"], values)

    def render_own(self, kind: str, locale: str, form: str, values: Mapping[str, object]) -> str | None:
        """The same, but raises what a template raises."""
        names = [f"{locale}/{kind}.{form}", f"{kind}.{form}", f"{locale}/{FRAME}.{form}", f"{FRAME}.{form}"]
        return self._fill(names, values)

    def _fill(self, names: list[str], values: Mapping[str, object]) -> str | None:
        from jinja2 import TemplatesNotFound

        try:
            template = self._environment.select_template(names)
        except TemplatesNotFound:
            return None
        return template.render(values)

    @cached_property
    def _environment(self) -> Environment:
        from jinja2 import ChoiceLoader, FileSystemLoader, PrefixLoader, StrictUndefined, select_autoescape
        from jinja2.sandbox import ImmutableSandboxedEnvironment

        shipped = FileSystemLoader(FOLDER)
        own = [] if self._folder is None else [FileSystemLoader(self._folder)]
        return ImmutableSandboxedEnvironment(
            loader=ChoiceLoader([*own, shipped, PrefixLoader({BUILT_IN: shipped})]),
            autoescape=select_autoescape(["html"]),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )


def explain(error: BaseException, folder: Path | None) -> str:
    """What is wrong with a template: `/app/mails/sign_in.html:3: 'cod' is undefined`."""
    from jinja2 import TemplateNotFound, TemplateSyntaxError

    if isinstance(error, TemplateSyntaxError):
        return f"{error.filename or error.name}:{error.lineno}: {error.message}"
    place = ""
    trace = error.__traceback__
    while trace is not None:
        file = Path(trace.tb_frame.f_code.co_filename)
        if file.suffix in _SUFFIXES and file.is_relative_to(folder or FOLDER):
            place = f"{file}:{trace.tb_lineno}: "
        trace = trace.tb_next
    if isinstance(error, TemplateNotFound):
        return f"{place}there is no template {error.message}"
    what = f"{type(error).__name__}: {error}" if not str(error) or not place else str(error)
    return f"{place or 'a template of mails: '}{what}"


def check_files(folder: Path, kinds: list[str], languages: list[str]) -> None:
    """Raise SetupError for a file that cannot be read, or that no mail would ever use."""
    for path in sorted(folder.rglob("*")):
        place = path.relative_to(folder)
        if path.suffix not in _SUFFIXES or any(part.startswith(".") for part in place.parts):
            continue
        try:
            path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise SetupError(f"{path} cannot be read: {error}", "save it as a text in UTF-8") from error
        if any(part.startswith("_") for part in place.parts):
            continue
        language = "/".join(place.parts[:-1])
        kind, _, form = path.name.partition(".")
        if language and language not in languages:
            raise SetupError(
                f"{path}: there is no language {language!r}, so nobody would get this mail",
                f"there are {', '.join(languages)}; texts of another one make it: "
                f'Accounts(texts={{"{language}": {{...}}}})',
            )
        known = [*kinds, FRAME]
        if kind not in known or form not in FORMS or (kind == FRAME and form == "subject.txt"):
            close = get_close_matches(kind, known, 1)
            hint = f"did you mean {close[0]}.{form}? " if close and kind not in known else ""
            raise SetupError(
                f"{path}: no mail uses this file",
                f"{hint}names are KIND.html, KIND.txt and KIND.subject.txt, and {FRAME}.html and {FRAME}.txt for all of "
                f"them; files that others include begin with _. The kinds are {', '.join(kinds)}",
            )
