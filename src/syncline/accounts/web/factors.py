"""Passkeys, the authenticator app and backup codes: adding and removing them, and signing in with a passkey."""

from __future__ import annotations

from starlette.responses import Response

from syncline.accounts import (
    attempts,
    audit,
    events,
    flows,
    passkeys,
    rates,
    second_factor,
    sessions,
    signing_in,
    users,
)
from syncline.accounts.core import AccountError, Core
from syncline.accounts.redirects import safe_redirect
from syncline.accounts.sessions import Session
from syncline.kernel.errors import SetupError

from .account import ACCOUNT, page, saved
from .completing import complete_url, is_recent, require_own, require_recent
from .visits import Visit

TOTP = "/auth/account/totp"


async def show_totp(visit: Visit) -> Response:
    if visit.session is None:
        return visit.redirect("/auth/sign-in", redirect=TOTP)
    require_own(visit)
    if not is_recent(visit):
        return visit.redirect("/auth/reverify", redirect=TOTP)
    return await _totp_page(visit)


async def submit_totp(visit: Visit) -> Response:
    core, run, session = visit.core, visit.accounts.workers.run, visit.required()
    try:
        require_recent(visit)
        rates.refuse(await run(attempts.take_second, core, session.user_id, visit.visitor, session))
        secret = _carried(visit, session)
        codes = await run(_confirm_totp, visit, session, secret, visit.form.get("code", "")[:20])
        if codes is None:
            return await _totp_page(visit, AccountError("error.code"), secret)
    except AccountError as error:
        return await page(visit, error)
    visit.set_session(await run(sessions.new_secret, core, session.id))
    return visit.page("backup_codes.html", codes=codes)


async def turn_off(visit: Visit) -> Response:
    try:
        require_recent(visit)
        await visit.accounts.workers.run(_turn_off, visit, visit.required())
    except AccountError as error:
        return await page(visit, error)
    return saved(visit)


async def new_codes(visit: Visit) -> Response:
    session = visit.required()
    try:
        require_recent(visit)
        codes = await visit.accounts.workers.run(_new_codes, visit, session)
    except AccountError as error:
        return await page(visit, error)
    return visit.page("backup_codes.html", codes=codes)


async def remove_passkey(visit: Visit) -> Response:
    try:
        require_recent(visit)
        await visit.accounts.workers.run(
            _remove_passkey, visit, visit.required(), visit.form.get("passkey", "")
        )
    except AccountError as error:
        return await page(visit, error)
    return saved(visit)


async def passkey_options(visit: Visit) -> Response:
    """What a script needs to make a passkey."""
    _require_passkeys(visit)
    require_recent(visit)
    session = visit.required()

    def work(core: Core) -> object:
        return passkeys.begin_adding(core, users.require(core, session.user_id), visit.browser)

    return visit.answer(await visit.accounts.workers.run(work, visit.core))


async def add_passkey(visit: Visit) -> Response:
    _require_passkeys(visit)
    require_recent(visit)
    session, credential = visit.required(), visit.json.get("credential")
    if not isinstance(credential, dict):
        raise AccountError("error.passkey")

    def work(core: Core) -> None:
        flow = flows.get(core, str(visit.json.get("flow")), visit.browser, "add_passkey")
        if flow is None or flow.user_id != session.user_id:
            raise AccountError("error.passkey")
        name = str(visit.json.get("name", "")) or core.pages.device(visit.visitor.agent)
        passkeys.add(core, flow, credential, name)  # pyright: ignore[reportUnknownArgumentType] - any JSON, checked there
        _changed(visit, session, "passkey", "added")

    await visit.accounts.workers.run(work, visit.core)
    return visit.answer({"location": f"{ACCOUNT}?saved=1"})


async def sign_in_options(visit: Visit) -> Response:
    """What a script needs to sign in with a passkey, or to confirm the session's holder by one of his."""
    _require_passkeys(visit)
    run = visit.accounts.workers.run
    rates.refuse(await run(rates.take, visit.core, ("passkey.ip", visit.visitor.address)))
    user_id = visit.session.user_id if visit.session else None
    return visit.answer(await run(passkeys.begin_using, visit.core, visit.browser, user_id))


async def sign_in(visit: Visit) -> Response:
    used = await _use_passkey(visit)
    target = safe_redirect(visit.core.settings, str(visit.json.get("redirect", "")))
    # The device checked its owner: possession and a fingerprint, face or PIN are two steps in one.
    url = await complete_url(visit, used.user_id, ("hwk", "user", "mfa"), target, second=True)
    return visit.answer({"location": url})


async def reverify(visit: Visit) -> Response:
    session = require_own(visit)
    used = await _use_passkey(visit)
    if used.user_id != session.user_id:
        raise AccountError("error.passkey")
    run = visit.accounts.workers.run
    await run(sessions.confirm, visit.core, session.id, second=True)
    # Whoever else may hold the secret of this session holds it no more.
    visit.set_session(await run(sessions.new_secret, visit.core, session.id))
    return visit.answer({"location": safe_redirect(visit.core.settings, str(visit.json.get("redirect", "")))})


async def _use_passkey(visit: Visit) -> passkeys.StoredPasskey:
    _require_passkeys(visit)
    credential = visit.json.get("credential")
    if not isinstance(credential, dict):
        raise AccountError("error.passkey")

    def work(core: Core) -> passkeys.StoredPasskey:
        flow = flows.get(core, str(visit.json.get("flow")), visit.browser, "use_passkey")
        if flow is None:
            raise AccountError("error.passkey")
        used = passkeys.use(core, flow, credential)  # pyright: ignore[reportUnknownArgumentType] - any JSON, checked there
        if used.flagged:
            audit.record(core, "passkey.copied", used.user_id, visit.visitor, passkey=used.name)
        return used

    used = await visit.accounts.workers.run(work, visit.core)
    if used.flagged:
        raise AccountError("error.passkey", status=403)
    return used


def _require_passkeys(visit: Visit) -> None:
    if visit.core.settings.passkey is None:
        raise AccountError("notice.not_found", status=404)


async def _totp_page(visit: Visit, error: AccountError | None = None, known: str | None = None) -> Response:
    """A new secret, or the `known` one after a wrong code. The page carries it until a code confirms it."""
    session, core = visit.required(), visit.core

    def work() -> tuple[str, str] | None:
        if second_factor.is_on(core, session.user_id):
            return None
        user = users.require(core, session.user_id)
        account = user.email or user.name or user.id
        if known is not None:
            return known, second_factor.address_of(core, known, account)
        return second_factor.set_up(core, account)

    found = await visit.accounts.workers.run(work)
    if found is None:
        return visit.redirect(ACCOUNT)
    secret, uri = found
    picture = await visit.accounts.workers.sign(_picture, uri)
    grouped = " ".join(secret[place : place + 4] for place in range(0, len(secret), 4))
    sealed = core.box.seal(secret, _sealed_for(session))
    status = error.status if error else 200
    return visit.page("totp.html", status, error=error, secret=grouped, sealed=sealed, picture=picture)


def _sealed_for(session: Session) -> str:
    """What opens a carried secret: nobody can make one up, or have another session take it."""
    return f"identity:new totp:{session.id}"


def _carried(visit: Visit, session: Session) -> str:
    """The secret that the page carried. Raises AccountError for what is none of ours."""
    try:
        return visit.core.box.open(visit.form.get("secret", "")[:500], _sealed_for(session))
    except SetupError:
        raise AccountError("error.form", status=403) from None


def _picture(uri: str) -> str:
    """A QR code as the address of an image."""
    import segno

    return segno.make(uri, error="m").svg_data_uri(scale=5, border=2)


def _confirm_totp(visit: Visit, session: Session, secret: str, code: str) -> list[str] | None:
    codes = second_factor.confirm(visit.core, session.user_id, secret, code)
    if codes is not None:
        sessions.confirm(visit.core, session.id, second=True)
        sessions.end_all(visit.core, session.user_id, "second step changed", but=session.id)
        _changed(visit, session, "authenticator app", "added")
    return codes


def _turn_off(visit: Visit, session: Session) -> None:
    second_factor.turn_off(visit.core, session.user_id)
    sessions.end_all(visit.core, session.user_id, "second step changed", but=session.id)
    _changed(visit, session, "authenticator app", "removed")


def _new_codes(visit: Visit, session: Session) -> list[str]:
    if not second_factor.is_on(visit.core, session.user_id):
        raise AccountError("error.not_found", status=404)
    codes = second_factor.new_backup_codes(visit.core, session.user_id)
    _changed(visit, session, "backup codes", "added")
    return codes


def _remove_passkey(visit: Visit, session: Session, key: str) -> None:
    core = visit.core
    user = users.require(core, session.user_id)
    if not any(each.key == key for each in passkeys.listed(core, user.id)):
        raise AccountError("error.not_found", status=404)
    if signing_in.ways_to_sign_in(core, user) <= 1:
        raise AccountError("error.last_method")
    passkeys.remove(core, user.id, key)
    _changed(visit, session, "passkey", "removed")


def _changed(visit: Visit, session: Session, what: str, how: str) -> None:
    core = visit.core
    audit.record(core, f"factor.{how}", session.user_id, visit.visitor, what=what)
    signing_in.tell_of_factor(core, users.require(core, session.user_id), what.replace(" ", "_"))
    events.user_changed(core, "user.updated", session.user_id)
