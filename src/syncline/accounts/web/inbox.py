"""The inbox of a development server: every mail that it would have sent, and how each kind of mail looks.

For who sits at the machine alone: with the codes in it anybody could be anybody.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.responses import HTMLResponse, RedirectResponse, Response

from syncline.accounts.core import AccountError
from syncline.accounts.mail import outbox
from syncline.accounts.mail.samples import SAMPLES
from syncline.accounts.mail.writing import Written, preview
from syncline.kernel.errors import SetupError

from .addresses import is_forwarded
from .administration import find_administrator
from .visits import Visit

Handler = Callable[[Visit], Awaitable[Response]]

#: Mails have their styles in them, and images from elsewhere. Their policy lets no script in; `protect` leaves it alone.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data: https:"


def here(handler: Handler) -> Handler:
    """A page for who sits at this machine, or holds an admin key."""

    async def answer(visit: Visit) -> Response:
        own = _own_address(visit)
        if not visit.visitor.here:
            _require_administrator(visit, own)
        elif is_forwarded(visit.request.scope):
            # What proxies say of whom they ask for, they may have been told by anybody: let the browser ask itself.
            return visit.finish(RedirectResponse(own, 303))
        return await handler(visit)

    return answer


def _require_administrator(visit: Visit, own: str) -> None:
    """Refuse who has no admin key, or one that changes nothing: a code lets in for more than reading."""
    try:
        administrator = find_administrator(visit.accounts, visit.request, visit.visitor.address)
    except AccountError:
        raise AccountError("error.inbox_elsewhere", status=403, url=own) from None
    if administrator.read_only:
        raise AccountError("error.key_scope", status=403)


def _own_address(visit: Visit) -> str:
    """Where the page at hand is on this machine, past all proxies."""
    server: tuple[str, int] | None = visit.request.scope.get("server")
    path, query = visit.request.url.path, visit.request.url.query
    return f"http://localhost:{server[1] if server else 80}{path}{'?' if query else ''}{query}"


@here
async def show(visit: Visit) -> Response:
    mails = await visit.accounts.workers.run(outbox.newest, visit.core)
    return visit.page("inbox.html", mails=mails)


@here
async def show_one(visit: Visit) -> Response:
    """The HTML of one mail, as a mail program would show it."""
    mails = await visit.accounts.workers.run(outbox.newest, visit.core)
    id: int = visit.request.path_params["id"]
    for mail in mails:
        if mail.id == id:
            return _as_mail(visit, mail.html)
    raise AccountError("notice.not_found", status=404)


@here
async def show_samples(visit: Visit) -> Response:
    """Every mail that there is with made-up data, in the language of the page."""

    def work() -> list[Written]:
        return [preview(visit.core.pages, visit.core.settings, kind, visit.locale) for kind in SAMPLES]

    try:
        mails = await visit.accounts.workers.run(work)
    except SetupError as error:
        raise AccountError("inbox.broken", status=500, problem=str(error)) from None
    return visit.page("mail_samples.html", mails=mails, languages=visit.core.pages.texts.languages)


@here
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
