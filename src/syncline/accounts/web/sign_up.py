"""Sign-up: an account exists once its address is proved, not before."""

from __future__ import annotations

from starlette.responses import Response

from syncline.accounts import attempts, passwords, rates, signing_in
from syncline.accounts.core import AccountError
from syncline.accounts.emails import clean_email
from syncline.accounts.users import clean_name

from .visits import Visit


async def show(visit: Visit) -> Response:
    if visit.session is not None:
        return visit.redirect(visit.target)
    return _page(visit)


async def submit(visit: Visit) -> Response:
    core, accounts = visit.core, visit.accounts
    try:
        if core.settings.accounts.sign_up == "closed":
            raise AccountError("error.sign_up_closed", status=403)
        email = clean_email(visit.form.get("email", ""))
        name = clean_name(visit.form.get("name", ""))
        hashed: str | None = None
        password = visit.form.get("password", "")
        if core.settings.password is not None and accounts.hasher is not None:
            related = (email, core.settings.name, *name.split())
            passwords.check_new(password, core.settings.password, related=related)
        also = ("sign_up.ip", visit.visitor.address)
        rates.refuse(await accounts.workers.run(attempts.take_mail, core, email, visit.visitor, also))
        if core.settings.password is not None and accounts.hasher is not None:
            hashed = await accounts.workers.hash(accounts.hasher.hash, password)
        flow = await accounts.workers.run(
            signing_in.begin_sign_up, core, email, name, hashed, visit.visitor, visit.browser, visit.target
        )
    except AccountError as error:
        return _page(visit, error)
    return visit.redirect("/auth/verify", flow=flow.id)


def _page(visit: Visit, error: AccountError | None = None) -> Response:
    return visit.page(
        "sign_up.html",
        error.status if error else 200,
        error=error,
        email=visit.form.get("email", visit.query.get("email", "")),
        name=visit.form.get("name", ""),
    )
