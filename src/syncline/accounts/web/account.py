"""The account page: name, addresses, password, one's data, and the end of it all."""

from __future__ import annotations

from typing import Any

from starlette.responses import JSONResponse, Response

from syncline.accounts import (
    api_keys,
    attempts,
    audit,
    deletion,
    events,
    exporting,
    linking,
    organizations,
    passkeys,
    passwords,
    rates,
    second_factor,
    sessions,
    signing_in,
    users,
)
from syncline.accounts.core import AccountError, Core
from syncline.accounts.emails import clean_email

from .completing import require_recent, require_word
from .visits import Visit

ACCOUNT = "/auth/account"


async def show(visit: Visit) -> Response:
    return await page(visit)


async def page(visit: Visit, error: AccountError | None = None) -> Response:
    """The account page, which needs a session."""
    if visit.session is None:
        return visit.redirect("/auth/sign-in", redirect=ACCOUNT)
    if error is not None and error.text == "error.reverify":
        return visit.redirect("/auth/reverify", redirect=ACCOUNT)
    facts = await visit.accounts.workers.run(_facts, visit.core, visit.session.user_id)
    notice = "account.saved" if visit.query.get("saved") else None
    return visit.page("account.html", error.status if error else 200, error=error, notice=notice, **facts)


async def rename(visit: Visit) -> Response:
    session = visit.required()

    def work(core: Core) -> None:
        users.rename(core, session.user_id, visit.form.get("name", ""))
        audit.record(core, "user.renamed", session.user_id, visit.visitor, actor=session.actor)
        events.user_changed(core, "user.updated", session.user_id)

    await visit.accounts.workers.run(work, visit.core)
    return saved(visit)


async def change_password(visit: Visit) -> Response:
    core, accounts, session = visit.core, visit.accounts, visit.required()
    if core.settings.password is None or accounts.hasher is None:
        raise AccountError("notice.not_found", status=404)
    try:
        require_recent(visit)
        user = await accounts.workers.run(users.require, core, session.user_id)
        password = visit.form.get("password", "")
        passwords.check_new(
            password, core.settings.password, related=(user.email, core.settings.name, *user.name.split())
        )
        hashed = await accounts.workers.hash(accounts.hasher.hash, password)
        await accounts.workers.run(
            signing_in.change_password,
            core,
            user.id,
            hashed,
            visit.visitor,
            keep=session.id,
            end_keys=bool(visit.form.get("keys")),
        )
    except AccountError as error:
        if error.status == 401:
            raise
        return await page(visit, error)
    visit.set_session(await accounts.workers.run(sessions.new_secret, core, session.id))
    return saved(visit)


async def emails(visit: Visit) -> Response:
    """Add, remove, or make primary an address."""
    core, run, session = visit.core, visit.accounts.workers.run, visit.required()
    try:
        require_recent(visit)
        user = await run(users.require, core, session.user_id)
        action, text = visit.form.get("action"), visit.form.get("email", "")
        email = clean_email(text)
        if action == "add":
            also = ("add_email", user.id)
            rates.refuse(await run(attempts.take_mail, core, email, visit.visitor, also))
            flow = await run(
                signing_in.begin_address, core, user, session, email, visit.visitor, visit.browser, ACCOUNT
            )
            return visit.redirect("/auth/verify", flow=flow.id)
        await run(_change_address, visit, user, email, action == "remove")
    except AccountError as error:
        return await page(visit, error)
    return saved(visit)


async def export(visit: Visit) -> Response:
    """Everything that is known of the user, as a file."""
    core, run, session = visit.core, visit.accounts.workers.run, visit.required()
    try:
        require_recent(visit)
    except AccountError as error:
        return await page(visit, error)
    rates.refuse(await run(rates.take, core, ("export", session.user_id)))
    content = await run(exporting.export_user, core, session.user_id)
    headers = {"content-disposition": 'attachment; filename="account.json"'}
    return visit.finish(JSONResponse(content, headers=headers))


async def delete(visit: Visit) -> Response:
    core, session = visit.core, visit.required()
    try:
        require_recent(visit)
        require_word(visit)
        await visit.accounts.workers.run(deletion.delete_user, core, session.user_id, visitor=visit.visitor)
    except AccountError as error:
        return await page(visit, error)
    visit.clear_site()
    return visit.redirect("/")


def saved(visit: Visit) -> Response:
    return visit.redirect(ACCOUNT, saved="1")


def _change_address(visit: Visit, user: users.User, email: str, remove: bool) -> None:
    core, session = visit.core, visit.required()
    if remove:
        users.remove_address(core, user.id, email)
        signing_in.notify(core, user, "factor_changed", what=email)
        audit.record(core, "email.removed", user.id, visit.visitor, email=email)
    else:
        before = users.make_primary(core, user.id, email)
        audit.record(core, "email.primary", user.id, visit.visitor, email=email)
        sessions.end_all(core, user.id, "address changed", but=session.id)
        if before:
            signing_in.notify(core, user, "email_changed", to=before, email=email)
    events.user_changed(core, "user.updated", user.id)


def _facts(core: Core, user_id: str) -> dict[str, Any]:
    return {
        "user": users.require(core, user_id),
        "has_password": passwords.get(core, user_id) is not None,
        "has_totp": second_factor.is_on(core, user_id),
        "codes_left": second_factor.backup_codes_left(core, user_id),
        "passkeys": passkeys.listed(core, user_id),
        "connections": linking.described(core, user_id),
        "organizations": organizations.memberships(core, user_id),
        "key_count": len(api_keys.listed(core, user_id)),
        "session_count": len(sessions.listed(core, user_id)),
    }
