"""The application under /auth: a table of routes, and what is the same for all of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from syncline.accounts.colors import on_color
from syncline.accounts.core import AccountError

from . import (
    account,
    administration,
    api,
    connecting,
    device,
    devices,
    exchange,
    factors,
    inbox,
    keys,
    oauth,
    organizations,
    reset,
    second,
    sign_in,
    sign_up,
    verify,
)
from .assets import read_asset
from .cors import Preflights
from .headers import failed, protect, refusal
from .visits import Visit, check_form, keep_language, open_visit, request_locale

if TYPE_CHECKING:
    from syncline.accounts.provider import IdentityProvider

Handler = Callable[[Visit], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Entry:
    """A path below /auth. A form that is sent there is one of ours; scripts send JSON."""

    path: str
    get: Handler | None = None
    form: Handler | None = None
    json: Handler | None = None
    #: Takes forms and JSON alike, with no cookie in play: what is sent is its own proof.
    free: Handler | None = None


ENTRIES = (
    Entry("/sign-in", sign_in.show, sign_in.submit),
    Entry("/sign-up", sign_up.show, sign_up.submit),
    Entry("/verify", verify.show, verify.submit),
    Entry("/verify/again", None, verify.again),
    Entry("/link", verify.show_link, verify.submit_link),
    Entry("/reset", reset.show, reset.submit),
    Entry("/new-password", reset.show_new, reset.submit_new),
    Entry("/mfa", second.show, second.submit),
    Entry("/reverify", second.show_again, second.submit_again),
    Entry("/sign-out", sign_in.show_out, sign_in.submit_out, api.sign_out),
    Entry("/account", account.show),
    Entry("/account/profile", None, account.rename),
    Entry("/account/password", None, account.change_password),
    Entry("/account/emails", None, account.emails),
    Entry("/account/totp", factors.show_totp, factors.submit_totp),
    Entry("/account/totp/off", None, factors.turn_off),
    Entry("/account/backup-codes", None, factors.new_codes),
    Entry("/account/passkeys", None, factors.remove_passkey),
    Entry("/account/passkeys/options", None, None, factors.passkey_options),
    Entry("/account/passkeys/add", None, None, factors.add_passkey),
    Entry("/account/export", account.export),
    Entry("/account/delete", None, account.delete),
    Entry("/devices", devices.show, devices.submit),
    Entry("/sessions", devices.describe),
    Entry("/sessions/revoke", None, None, devices.revoke),
    Entry("/device", device.show, free=device.ask),
    Entry("/device/code", None, device.submit),
    Entry("/device/decision", None, device.decide),
    Entry("/passkeys/options", None, None, factors.sign_in_options),
    Entry("/passkeys/sign-in", None, None, factors.sign_in),
    Entry("/passkeys/reverify", None, None, factors.reverify),
    Entry("/connect", connecting.show, connecting.submit),
    Entry("/oauth/{provider}/start", None, oauth.start),
    Entry("/oauth/{provider}/callback", oauth.callback, free=oauth.callback_form),
    Entry("/account/connections", None, oauth.disconnect),
    Entry("/organizations", organizations.show, organizations.submit),
    Entry("/organizations/active", None, None, organizations.choose),
    Entry("/organizations/{organization}", organizations.show_one, organizations.submit_one),
    Entry("/invitation", organizations.show_invitation, organizations.accept_invitation),
    Entry("/api-keys", keys.show, keys.submit),
    Entry("/impersonate", keys.show_impersonation, keys.impersonate),
    Entry("/token", None, None, api.token),
    Entry("/session", api.session),
    Entry("/authorize", exchange.authorize),
    Entry("/exchange", free=exchange.exchange),
    Entry("/revoke", free=exchange.revoke),
    Entry("/.well-known/jwks.json", api.key_set),
    Entry("/.well-known/openid-configuration", api.discovery),
)
#: Only in development.
DEVELOPMENT = (
    Entry("/inbox", inbox.show),
    Entry("/inbox/{id:int}", inbox.show_one),
    Entry("/inbox/samples", inbox.show_samples),
    Entry("/inbox/samples/{kind}", inbox.show_sample),
)


def make_routes(accounts: IdentityProvider) -> list[Route]:
    """All that is answered below `/auth`, preflights aside."""
    entries = ENTRIES if accounts.core.settings.production else (*ENTRIES, *DEVELOPMENT)
    routes = [
        Route(
            f"/auth{entry.path}",
            partial(_handle, accounts, entry),
            methods=[
                *(["GET"] if entry.get else []),
                *(["POST"] if entry.form or entry.json or entry.free else []),
            ],
        )
        for entry in entries
    ]
    routes += [
        *administration.make_routes(accounts),
        Route("/auth/assets/theme.css", partial(_theme, accounts)),
        Route("/auth/assets/{name}", partial(_asset, accounts)),
        Route("/auth", partial(_index, accounts)),
        Route("/auth/", partial(_index, accounts)),
    ]
    return routes


def make_application(accounts: IdentityProvider, routes: Sequence[Route]) -> ASGIApp:
    """What answers requests whose path begins with `/auth/`."""
    answers = Starlette(routes=routes, exception_handlers={HTTPException: partial(_not_found, accounts)})
    return Preflights(accounts, answers)


async def _handle(accounts: IdentityProvider, entry: Entry, request: Request) -> Response:
    locale = request_locale(accounts, request)
    try:
        visit = await open_visit(accounts, request)
        visit.place = _place(entry, request)
        response = visit.finish(await _run(entry, visit))
    except AccountError as error:
        response = refusal(accounts, request, error, locale)
    except Exception as error:  # A page that fails is answered here, with our headers.
        response = failed(accounts, request, error, locale)
    keep_language(accounts, request, response)
    return protect(accounts, request, response)


def _place(entry: Entry, request: Request) -> str:
    """Where the page of an entry can be opened: what only takes forms belongs to the page above it."""
    above = entry.path.rpartition("/")[0]
    if entry.get is None and any(each.path == above and each.get for each in ENTRIES):
        return f"/auth{above}"
    return request.url.path if entry.get else "/auth/account"


async def _run(entry: Entry, visit: Visit) -> Response:
    request = visit.request
    if request.method in ("GET", "HEAD"):
        assert entry.get is not None  # Starlette has checked the method.
        return await entry.get(visit)
    if entry.free is not None:
        return await entry.free(visit)
    is_form = request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
    if is_form and entry.form is not None:
        check_form(visit)
        return await entry.form(visit)
    if entry.json is None or is_form:
        raise AccountError("error.body", status=415)
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise AccountError("error.body", status=415)
    return await entry.json(visit)


async def _asset(accounts: IdentityProvider, request: Request) -> Response:
    found = read_asset(request.path_params["name"][:100])
    if found is None:
        raise HTTPException(404)
    content, kind = found
    headers = {"content-type": kind, "cache-control": "public, max-age=300"}
    return protect(accounts, request, Response(content, headers=headers))


async def _theme(accounts: IdentityProvider, request: Request) -> Response:
    theme = accounts.core.settings.accounts.theme
    css = (
        f":root {{ {_accent(theme.accent)} --radius: {theme.radius}; }}\n"
        f"@media (prefers-color-scheme: dark) {{ :root {{ {_accent(theme.accent_dark)} }} }}\n"
    )
    headers = {"content-type": "text/css; charset=utf-8", "cache-control": "public, max-age=300"}
    return protect(accounts, request, Response(css, headers=headers))


def _accent(color: str) -> str:
    text = on_color(color)
    return f"--accent: {color};" if text is None else f"--accent: {color}; --on-accent: {text};"


async def _index(accounts: IdentityProvider, request: Request) -> Response:
    return protect(accounts, request, Response(status_code=303, headers={"location": "/auth/account"}))


async def _not_found(accounts: IdentityProvider, request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 404
    text = "error.method" if status == 405 else "notice.not_found"
    refused = refusal(accounts, request, AccountError(text, status=status), request_locale(accounts, request))
    if isinstance(error, HTTPException) and error.headers:
        refused.headers.update(error.headers)
    return protect(accounts, request, refused)
