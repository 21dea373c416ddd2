"""The application's own templates of mails, how mails look with made-up data, and what happens to broken ones."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest

from support.applications import write_application
from support.houses import CHEAP, House
from support.houses import house as live_house
from support.processes import serving, syncline
from syncline.accounts import AccountSettings, check_templates
from syncline.accounts.mail.samples import SAMPLES
from syncline.accounts.mail.writing import Written, preview
from syncline.accounts.rendering import Renderer
from syncline.accounts.texts import Texts
from syncline.auth import Accounts, EmailCode
from syncline.kernel.errors import SetupError

APP = """
    from pathlib import Path
    from syncline import App
    from syncline.auth import Accounts, EmailCode

    app = App(auth=[EmailCode(), Accounts(name="Orchard", algorithm="ES256", mail_templates=Path(__file__).parent / "mails")])
"""


def put(folder: Path, **files: str) -> Path:
    """Template files, `de__sign_in_html` for `de/sign_in.html`."""
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        kind, _, form = name.replace("__", "/").rpartition("_")
        path = folder / (f"{kind}.{form}" if form != "subject" else f"{kind}.subject.txt")
        path.parent.mkdir(exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return folder


def settings(folder: Path | None = None, **more: object) -> AccountSettings:
    accounts = Accounts(name="Orchard & Sons", mail_templates=folder, **more)  # type: ignore[arg-type]  # of its fields
    return AccountSettings((EmailCode(), accounts), "https://orchard.example", production=True)


def look(folder: Path | None, kind: str, locale: str = "en") -> Written:
    wanted = settings(folder)
    check_templates(wanted)
    return preview(Renderer(wanted), wanted, kind, locale)


def test_the_closest_template_counts(tmp_path: Path) -> None:
    folder = put(
        tmp_path / "mails",
        mail_html="frame of {{ kind }}",
        sign_in_html="own page with {{ code }}",
        de__sign_in_html="eigene Seite mit {{ code }}",
        de__mail_txt="Rahmen: {{ paragraphs | first }}",
        reset_subject="{{ app }}:\n a new password",
    )
    assert look(folder, "sign_in").html == "own page with 123456"
    assert look(folder, "sign_in", "de").html == "eigene Seite mit 123456"
    assert look(folder, "reset", "de").html == "frame of reset"
    assert look(folder, "reset", "de").text.startswith("Rahmen: ")
    assert look(folder, "reset").text.startswith("Hello,")
    assert look(folder, "reset").subject == "Orchard & Sons: a new password"
    assert look(folder, "sign_in").subject == "123456 is your code for Orchard & Sons"


def test_a_template_may_change_a_part_of_what_comes_with_syncline(tmp_path: Path) -> None:
    folder = put(
        tmp_path / "mails",
        mail_html='{% extends "built-in/mail.html" %}{% block footer %}{% include "_foot.html" %}{% endblock %}',
        _foot_html="<p>{{ t('mail.greeting') }} {{ app }}</p>",
        sign_in_html='{% extends "mail.html" %}{% block header %}<h1>Welcome</h1>{% endblock %}',
    )
    html = look(folder, "sign_in").html
    assert "<h1>Welcome</h1>" in html and "123456" in html
    assert "<p>Hello, Orchard &amp; Sons</p>" in html  # Escaped in HTML, and in HTML only.
    assert "Orchard & Sons" in look(folder, "sign_in").text


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ({"sign_in_html": "one\n{{ cod }}"}, "sign_in.html:2: 'cod' is undefined"),
        ({"de__mail_txt": "{% if code %}\n"}, "de/mail.txt:1: Unexpected end of template"),
        ({"reset_txt": '\n\n{% include "_none.txt" %}'}, "reset.txt:3: there is no template _none.txt"),
        (
            {"reset_txt": "{{ paragraphs.append('x') }}"},
            "reset.txt:1: access to attribute 'append' of 'list'",
        ),
        (
            {"reset_txt": "{{ ''.__class__.__mro__ }}"},
            "reset.txt:1: access to attribute '__class__' of 'str'",
        ),
        ({"reset_subject": "{{ settings }}"}, "reset.subject.txt:1: 'settings' is undefined"),
        ({"sigin_html": "x"}, "sigin.html: no mail uses this file\n  help: did you mean sign_in.html?"),
        ({"mail_subject": "x"}, "mail.subject.txt: no mail uses this file"),
        ({"fr__reset_txt": "x"}, "fr/reset.txt: there is no language 'fr'"),
    ],
)
def test_a_broken_template_is_refused_with_its_place(
    tmp_path: Path, files: dict[str, str], problem: str
) -> None:
    folder = put(tmp_path / "mails", **files)
    with pytest.raises(SetupError) as caught:
        check_templates(settings(folder))
    assert f"{folder}/{problem}" in str(caught.value)


def test_a_text_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    folder = put(tmp_path / "mails", reset_txt="x")
    (folder / "reset.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(SetupError, match=r"reset\.txt cannot be read: .*\n.*in UTF-8"):
        check_templates(settings(folder))


def test_the_server_does_not_begin_with_a_broken_template(tmp_path: Path) -> None:
    folder = put(tmp_path / "mails", sign_in_html="{{ cod }}")
    with pytest.raises(SetupError, match=r"sign_in\.html:1: 'cod' is undefined"):
        House(tmp_path, CHEAP, EmailCode(), Accounts(algorithm="ES256", mail_templates=folder))
    assert not (tmp_path / "identity.db").exists()


@pytest.mark.parametrize("place", [Path("mails"), Path("/no/such/folder")])
def test_a_folder_that_is_none_is_refused(place: Path) -> None:
    with pytest.raises(SetupError, match=r"is no folder\n.*Path\(__file__\)\.parent"):
        Accounts(mail_templates=place)


def test_people_get_their_codes_though_a_template_fails(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """With data that nobody thought of: here a code that does not begin with 1."""
    folder = put(
        tmp_path / "mails", sign_in_html="{{ '' if code == '123456' else nothing.at_all }}{{ code }}"
    )
    with live_house(
        tmp_path, CHEAP, EmailCode(), Accounts(algorithm="ES256", mail_templates=folder)
    ) as built:
        built.sign_up("ann@example.com")
        visitor = built.visitor(address="127.0.0.1")
        visitor.get("/auth/sign-in")
        visitor.submit("/auth/sign-in", email="ann@example.com", method="code")
        assert built.code("ann@example.com") in built.mail("ann@example.com").html
    assert "sign_in.html:1: 'nothing' is undefined" in caplog.text


def test_every_mail_has_a_sample_and_every_place_in_it_is_filled() -> None:
    shipped = Texts({})
    pages, wanted = Renderer(settings()), settings()
    named = {name.split(".")[1] for name in shipped.names if re.fullmatch(r"mail\.\w+\.subject", name)}
    assert named == SAMPLES.keys()
    for locale in shipped.languages:
        for kind in SAMPLES:
            mail = preview(pages, wanted, kind, locale)
            assert mail.subject and mail.text.strip() and "<html" in mail.html
            for text in (mail.subject, mail.text, mail.html):
                assert not re.search(r"\{\w+\}|mail\.\w+", text), (kind, locale, text)
    assert look(None, "sign_in").subject != look(None, "sign_in", "de").subject


def test_the_development_server_shows_every_mail_in_each_language(tmp_path: Path) -> None:
    folder = put(tmp_path / "mails", de__reset_html="<p>Eigenes {{ code }}</p>")
    with live_house(
        tmp_path, CHEAP, EmailCode(), Accounts(algorithm="ES256", mail_templates=folder)
    ) as built:
        visitor = built.visitor(address="127.0.0.1")
        assert 'href="/auth/inbox/samples"' in visitor.get("/auth/inbox").text
        for language, words in (("en", "is your code for"), ("de", "ist Ihr Code für")):
            page = visitor.get(f"/auth/inbox/samples?lang={language}").text
            assert words in page
            assert re.findall(r'data-kind="(\w+)"', page) == list(SAMPLES)
        one = visitor.get("/auth/inbox/samples/reset?lang=de")
        assert one.text == "<p>Eigenes 123456</p>"
        assert "script-src" not in one.headers["content-security-policy"]
        assert visitor.get("/auth/inbox/samples/nothing").status_code == 404
        (folder / "de" / "reset.html").write_text("{{ cod }}")
        built.provider.reread_templates()
        broken = visitor.get("/auth/inbox/samples?lang=de")
        assert broken.status_code == 500 and "reset.html:1: &#39;cod&#39; is undefined" in broken.text


def test_templates_are_shown_by_a_command_and_read_again_on_save(tmp_path: Path) -> None:
    folder = write_application(tmp_path, app=APP) / "mails"
    put(folder, reset_txt="First {{ code }}")
    shown = syncline("mails", "reset", "--language", "en", folder=tmp_path)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout == "reset (en)  123456 is your code to reset the password\n\nFirst 123456\n\n"
    html = syncline("mails", "reset", "--language", "de", "--html", folder=tmp_path)
    assert html.stdout.startswith('<!doctype html>\n<html lang="de">')
    assert syncline("mails", "--output", "out", folder=tmp_path).stdout == "36 mails in out\n"
    assert (tmp_path / "out" / "de" / "reset.txt").read_text() == "First 123456"
    for arguments, problem in (
        (("mails", "rest"), "there is no mail of the kind 'rest'"),
        (("mails", "--language", "fr"), "there is no language 'fr'"),
        (("mails", "--html"), "--html is for one mail"),
    ):
        assert problem in syncline(*arguments, folder=tmp_path).stderr
    with serving(tmp_path, "dev") as server:
        put(folder, reset_txt="Broken {{ cod }}")
        server.wait_for("backend/mails/reset.txt:1: 'cod' is undefined")
        put(folder, reset_txt="Second {{ code }}")
        server.wait_for("reload", times=2)
        assert "Second 123456" in httpx.get(f"{server.url}/auth/inbox/samples").text
    put(folder, reset_txt="Broken {{ cod }}")
    checked = syncline("check", folder=tmp_path)
    assert checked.returncode == 1 and "backend/mails/reset.txt:1: 'cod' is undefined" in checked.stderr
