"""What follows a first step, whichever it was: a session, or the second step."""

from __future__ import annotations

from starlette.responses import Response

from syncline.accounts.core import AccountError
from syncline.accounts.sessions import Session
from syncline.accounts.signing_in import NeedsSecond, SignedIn, first_step_done

from .visits import Visit

#: How long a proof of identity counts for what is important (seconds).
RECENT_SECONDS = 10 * 60


async def complete(
    visit: Visit, user_id: str, methods: tuple[str, ...], target: str, *, second: bool = False
) -> Response:
    """Sign the browser in, or lead it to the second step."""
    url = await complete_url(visit, user_id, methods, target, second=second)
    return visit.redirect(url)


async def complete_url(
    visit: Visit, user_id: str, methods: tuple[str, ...], target: str, *, second: bool = False
) -> str:
    """The same for scripts: where the browser is to go."""
    step: SignedIn | NeedsSecond = await visit.accounts.workers.run(
        first_step_done,
        visit.core,
        user_id,
        visit.visitor,
        visit.browser,
        methods,
        target,
        second=second,
    )
    if isinstance(step, NeedsSecond):
        return f"/auth/mfa?flow={step.flow.id}"
    visit.set_session(step.secret)
    visit.set_device(step.device)
    if visit.core.settings.accounts.require_second_factor and step.session.second_at is None:
        # Without a second step there are no tokens: the way to one comes first.
        return "/auth/account/totp"
    return target


def is_recent(visit: Visit) -> bool:
    """Whether the holder of the session has proved lately who he is."""
    session = visit.required()
    return visit.core.now() - max(session.first_at, session.second_at or 0) <= RECENT_SECONDS


def require_own(visit: Visit) -> Session:
    """The session, unless an administrator acts as somebody by it. Raises AccountError `error.impersonated`."""
    session = visit.required()
    if session.actor is not None:
        raise AccountError("error.impersonated", status=403)
    return session


def require_whole(visit: Visit) -> None:
    """Refuse administrators acting as somebody, and who has done the first step only where two are needed. Raises
    AccountError `error.impersonated` or `error.second_required`."""
    session = require_own(visit)
    if visit.core.settings.accounts.require_second_factor and session.second_at is None:
        raise AccountError("error.second_required", status=403)


def require_recent(visit: Visit) -> None:
    """Refuse what is important to sessions whose holder has not proved lately who he is, and to administrators acting
    as somebody. Raises AccountError `error.reverify` or `error.impersonated`."""
    require_own(visit)
    if not is_recent(visit):
        raise AccountError("error.reverify", status=403)


def require_word(visit: Visit) -> None:
    """Refuse what cannot be undone unless the form has the word that stands for it. Raises AccountError."""
    word = visit.core.pages.texts.get(visit.locale, "account.delete_word")
    if visit.form.get("word", "").strip().casefold() != word.casefold():
        raise AccountError("error.delete_word", word=word)
