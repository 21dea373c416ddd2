"""`syncline mails`: how the mails of the sign-in look."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from syncline.kernel.errors import SetupError

from .options import backend_option, settings_of

if TYPE_CHECKING:
    from syncline.accounts.mail.writing import Written


@click.command(short_help="Show the mails of the sign-in, with made-up data.")
@click.argument("kind", required=False)
@click.option("--language", metavar="LANG", help="In this language only.")
@click.option("--html", is_flag=True, help="The HTML of it, not the text.")
@click.option(
    "--output", type=click.Path(path_type=Path), metavar="DIR", help="Write them all into files there."
)
@backend_option
def mails(kind: str | None, language: str | None, html: bool, output: Path | None, **flags: object) -> int:
    """Show the mails that the built-in sign-in sends, or one KIND of them, as the application's texts and templates have
    them. The data are made up, and nothing is sent.

    \b
    syncline mails
    syncline mails sign_in --language de
    syncline mails sign_in --language de --html > mail.html
    syncline mails --output previews

    `syncline dev` shows the same at /auth/inbox/samples.
    """
    if html and kind is None:
        raise click.UsageError("--html is for one mail: name its kind, or say --output")
    found = _write(flags, kind, language)
    if output is not None:
        for mail in found:
            _save(output, mail)
        click.echo(f"{len(found)} mails in {output}")
        return 0
    if html:
        click.echo(found[0].html, nl=False)
        return 0
    for mail in found:
        click.echo(click.style(f"{mail.kind} ({mail.locale})  {mail.subject}", bold=True))
        click.echo(f"\n{mail.text.strip()}\n")
    return 0


def _write(flags: dict[str, object], kind: str | None, language: str | None) -> list[Written]:
    from syncline.accounts import AccountSettings, uses_accounts
    from syncline.accounts.mail.samples import SAMPLES
    from syncline.accounts.mail.writing import check_templates, preview
    from syncline.accounts.rendering import Renderer
    from syncline.functions import load_application

    wanted = settings_of(flags)
    app = load_application(wanted.backend).app
    if app is None or not uses_accounts(app.auth):
        raise SetupError(
            "the application sends no mails: none of its ways to sign in is Syncline's own",
            "list one in app.py, for example App(auth=[Password()])",
        )
    settings = AccountSettings(app.auth, wanted.url or f"http://localhost:{wanted.port}", production=False)
    check_templates(settings)
    pages = Renderer(settings)
    languages = pages.texts.languages
    if kind is not None and kind not in SAMPLES:
        raise SetupError(f"there is no mail of the kind {kind!r}", f"the kinds are {', '.join(SAMPLES)}")
    if language is not None and language not in languages:
        raise SetupError(f"there is no language {language!r}", f"there are {', '.join(languages)}")
    return [
        preview(pages, settings, each, spoken)
        for spoken in ([language] if language else languages)
        for each in ([kind] if kind else SAMPLES)
    ]


def _save(folder: Path, mail: Written) -> None:
    """`de/sign_in.html`, `de/sign_in.txt` and `de/sign_in.subject.txt`, as own templates are called."""
    place = folder / mail.locale
    place.mkdir(parents=True, exist_ok=True)
    for form, content in (("html", mail.html), ("txt", mail.text), ("subject.txt", mail.subject + "\n")):
        (place / f"{mail.kind}.{form}").write_text(content, encoding="utf-8")
