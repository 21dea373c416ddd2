"""The inbox of a development server: every mail that it would have sent, and how each kind of mail looks."""

from __future__ import annotations

from starlette.responses import HTMLResponse, Response

from syncline.accounts.core import AccountError
from syncline.accounts.mail import outbox
from syncline.accounts.mail.samples import SAMPLES
from syncline.accounts.mail.writing import Written, preview
from syncline.kernel.errors import SetupError

from .visits import Visit

#: Mails have their styles in them, and images from elsewhere. Their policy lets no script in; `protect` leaves it alone.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data: https:"


async def show(visit: Visit) -> Response:
    mails = await visit.accounts.workers.run(outbox.newest, visit.core)
    return visit.page("inbox.html", mails=mails)


async def show_one(visit: Visit) -> Response:
    """The HTML of one mail, as a mail program would show it."""
    mails = await visit.accounts.workers.run(outbox.newest, visit.core)
    id: int = visit.request.path_params["id"]
    for mail in mails:
        if mail.id == id:
            return _as_mail(visit, mail.html)
    raise AccountError("notice.not_found", status=404)


async def show_samples(visit: Visit) -> Response:
    """Every mail that there is with made-up data, in the language of the page."""

    def work() -> list[Written]:
        return [preview(visit.core.pages, visit.core.settings, kind, visit.locale) for kind in SAMPLES]

    try:
        mails = await visit.accounts.workers.run(work)
    except SetupError as error:
        raise AccountError("inbox.broken", status=500, problem=str(error)) from None
    return visit.page("mail_samples.html", mails=mails, languages=visit.core.pages.texts.languages)


async def show_sample(visit: Visit) -> Response:
    """The HTML of one of them."""
    kind: str = visit.request.path_params["kind"]
    if kind not in SAMPLES:
        raise AccountError("notice.not_found", status=404)
    try:
        mail = await visit.accounts.workers.run(
            preview, visit.core.pages, visit.core.settings, kind, visit.locale
        )
    except SetupError as error:
        raise AccountError("inbox.broken", status=500, problem=str(error)) from None
    return _as_mail(visit, mail.html)


def _as_mail(visit: Visit, html: str) -> Response:
    return visit.finish(HTMLResponse(html, headers={"content-security-policy": _POLICY}))
