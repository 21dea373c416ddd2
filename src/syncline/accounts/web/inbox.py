"""The inbox of a development server: every mail that it would have sent."""

from __future__ import annotations

from starlette.responses import HTMLResponse, Response

from syncline.accounts.core import AccountError
from syncline.accounts.mail import outbox

from .visits import Visit


async def show(visit: Visit) -> Response:
    mails = await visit.accounts.workers.run(outbox.newest, visit.core)
    return visit.page("inbox.html", mails=mails)


async def show_one(visit: Visit) -> Response:
    """The HTML of one mail, as a mail program would show it."""
    mails = await visit.accounts.workers.run(outbox.newest, visit.core)
    id: int = visit.request.path_params["id"]
    for mail in mails:
        if mail.id == id:
            # Mails have their styles in them. Their policy lets nothing else in, and `protect` leaves it alone.
            headers = {
                "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
            }
            return visit.finish(HTMLResponse(mail.html, headers=headers))
    raise AccountError("notice.not_found", status=404)
