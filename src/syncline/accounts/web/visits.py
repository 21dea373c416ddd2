"""One request to the hosted pages: who it is from, what it sent, and how it is answered."""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from syncline.accounts import known_devices, sessions, users
from syncline.accounts.core import AccountError, Core, Visitor
from syncline.accounts.redirects import allows_origin, is_own_origin, safe_redirect
from syncline.accounts.sessions import Session

from .addresses import client_address, is_here

if TYPE_CHECKING:
    from syncline.accounts.provider import IdentityProvider

#: Paths below /auth to which other origins may send forms: no cookie counts there.
FREE = ("/exchange", "/revoke", "/callback", "/device")
BODY_BYTES = 64 * 1024
_FIELDS = 50
_BROWSER_SECONDS = 24 * 3600
_LANGUAGE_COOKIE = "syncline_lang"
_LANGUAGE_SECONDS = 365 * 24 * 3600


@dataclass
class Visit:
    """A request, read and checked. `browser` is the secret of its flow cookie, `form` what a form sent."""

    accounts: IdentityProvider
    request: Request
    visitor: Visitor
    browser: str
    session: Session | None
    form: Mapping[str, str] = field(default_factory=dict[str, str])
    json: Mapping[str, Any] = field(default_factory=dict[str, Any])
    #: The path of the page that answers this request, or of the one it belongs to: where it can be opened again.
    place: str = ""
    #: Whom an administrator acts as, in words.
    acting_as: str = ""
    _cookies: list[tuple[str, str, int]] = field(default_factory=list[tuple[str, str, int]])
    _headers: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def core(self) -> Core:
        return self.accounts.core

    @property
    def locale(self) -> str:
        return self.visitor.locale

    @property
    def query(self) -> Mapping[str, str]:
        return self.request.query_params

    @property
    def csrf(self) -> str:
        """What forms of this browser carry: another site can neither read nor guess it."""
        return csrf_token(self.core, self.browser)

    @property
    def target(self) -> str:
        """Where to go in the end: from the form or the address, if it is safe."""
        return safe_redirect(self.core.settings, self.form.get("redirect") or self.query.get("redirect", ""))

    @property
    def languages(self) -> list[tuple[str, str, str]]:
        """Languages of the pages: code, name, and the address of this page in it."""
        kept = {name: text for name, text in self.query.items() if name != "lang"}
        # An answer to a form is opened again by what the form said of its page.
        kept |= {name: self.form[name] for name in ("flow", "redirect", "token") if name in self.form}
        return [
            (code, name, f"{self.place}?{urlencode({**kept, 'lang': code})}")
            for code, name in self.core.pages.texts.language_names()
        ]

    @property
    def fields(self) -> Mapping[str, str]:
        """What was sent, as a form or as JSON, as far as it is text."""
        return self.form or {name: value for name, value in self.json.items() if isinstance(value, str)}

    def required(self) -> Session:
        """The session. Raises AccountError without one."""
        if self.session is None:
            raise AccountError("error.signed_out", status=401)
        return self.session

    def page(self, template: str, status: int = 200, **values: object) -> Response:
        """A page of the folder `pages/html`."""
        values = {"error": None, "notice": None, **values}
        html = self.core.pages.render(template, locale=self.locale, visit=self, **values)
        error = values["error"]
        return self.finish(
            HTMLResponse(html, status, error.headers if isinstance(error, AccountError) else None)
        )

    def redirect(self, path: str, **query: str) -> Response:
        """On to another page, by GET. `path` is below /auth, or the safe target itself."""
        url = path if not query else f"{path}?{urlencode(query)}"
        return self.finish(RedirectResponse(url, 303))

    def answer(self, value: object, status: int = 200) -> Response:
        """JSON, for scripts."""
        return self.finish(JSONResponse(value, status))

    def set_session(self, secret: str) -> None:
        """Give the browser this session, and another flow cookie: what came before sign-in is worth nothing after."""
        self._cookies.append(
            (self.accounts.session_cookie, secret, int(self.core.settings.accounts.max_days * 86400))
        )
        self.renew_browser()

    def set_device(self, secret: str) -> None:
        """Know this browser again. It stays when sessions end, and lets nobody in."""
        self._cookies.append((self.accounts.device_cookie, secret, known_devices.SECONDS))

    def clear_session(self) -> None:
        self._cookies.append((self.accounts.session_cookie, "", 0))
        self.renew_browser()

    def clear_site(self) -> None:
        """The end of all sessions: leave nothing of their holder in this browser.

        Not `"cookies"`: it would take those of the sibling domains too, and the flow cookie that comes with this answer.
        """
        self.clear_session()
        keeps = not self.core.settings.accounts.clear_storage
        self._headers["clear-site-data"] = '"cache"' if keeps else '"cache", "storage"'

    def renew_browser(self) -> None:
        self.browser = self.accounts.new_browser_secret()
        self._cookies.append((self.accounts.browser_cookie, self.browser, _BROWSER_SECONDS))

    def finish(self, response: Response) -> Response:
        for name, value, seconds in self._cookies:
            _set_cookie(self.accounts, response, name, value, seconds)
        self._cookies.clear()
        response.headers.update(self._headers)
        return response


def csrf_token(core: Core, browser: str) -> str:
    return core.digest("form", browser).hex()[:32]


async def open_visit(accounts: IdentityProvider, request: Request) -> Visit:
    """Read a request. Raises AccountError for one that another site made, or that cannot be read."""
    core = accounts.core
    if core.settings.production:
        accounts.unknown_proxies.look(request.scope, core.settings.trusted_proxies)
    device = request.cookies.get(accounts.device_cookie, "")
    visitor = Visitor(
        client_address(request.scope, core.settings.trusted_proxies),
        request.headers.get("user-agent", "")[:1000],
        request_locale(accounts, request),
        device if len(device) == known_devices.SECRET_LENGTH else "",
        is_here(request.scope, core.settings.url),
    )
    browser = request.cookies.get(accounts.browser_cookie, "")
    secret = request.cookies.get(accounts.session_cookie, "")
    changes = request.method not in ("GET", "HEAD")
    if changes:
        check_origin(accounts, request)
    visit = Visit(accounts, request, visitor, browser, None)
    if len(browser) != 43:
        visit.renew_browser()
    if changes:
        await _read_body(visit)
    # Behind the body, which may take its time: a session that ends meanwhile is none any more.
    # A foreign page's request is answered as if it had no cookie, whatever the browser thought.
    origin = request.headers.get("origin")
    if secret and (origin is None or allows_origin(core.settings, origin)):
        visit.session, visit.acting_as = await accounts.workers.run(_find, core, secret)
    return visit


def _find(core: Core, secret: str) -> tuple[Session | None, str]:
    """The session of this secret, and whom an administrator acts as by it."""
    session = sessions.find(core, secret)
    if session is None or session.actor is None:
        return session, ""
    user = users.require(core, session.user_id)
    names = [text for text in (user.name, user.email) if text]
    return session, f"{names[0]} ({names[1]})" if len(names) == 2 else names[0] if names else user.id


def check_origin(accounts: IdentityProvider, request: Request) -> None:
    """Refuse what a page of another site sent. Programs that are no browsers say nothing of either kind."""
    settings = accounts.core.settings
    origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site")
    is_form = request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
    is_form = is_form and not request.url.path.endswith(FREE)
    if request.url.path.endswith("/callback"):
        # The answer of a service, by a form from its site: whose it is, its state says.
        return
    if origin is not None:
        good = is_own_origin(settings, origin) if is_form else allows_origin(settings, origin)
    else:
        good = site in (None, "same-origin")
    if not good:
        raise AccountError("error.origin", status=403)


async def _read_body(visit: Visit) -> None:
    headers = visit.request.headers
    if headers.get("content-encoding"):
        raise AccountError("error.body", status=415)
    body = bytearray()
    async for part in visit.request.stream():
        body += part
        if len(body) > BODY_BYTES:
            raise AccountError("error.body", status=413)
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        if kind == "application/x-www-form-urlencoded":
            visit.form = dict(
                parse_qsl(
                    body.decode("ascii"), keep_blank_values=True, max_num_fields=_FIELDS, errors="strict"
                )
            )
        elif kind == "application/json":
            loaded: object = json.loads(body or b"{}")
            if not isinstance(loaded, dict):
                raise ValueError("no object")
            visit.json = cast("dict[str, Any]", loaded)
        elif body:
            raise AccountError("error.body", status=415)
    except (ValueError, RecursionError):
        raise AccountError("error.body") from None


def check_form(visit: Visit) -> None:
    """Refuse a form that this browser was not given."""
    if not hmac.compare_digest(visit.form.get("csrf", "").encode(), visit.csrf.encode()):
        raise AccountError("error.form", status=403)


def request_locale(accounts: IdentityProvider, request: Request) -> str:
    """The language of the answer: of the address, of the cookie, or what the browser prefers."""
    texts = accounts.core.pages.texts
    for wanted in (request.query_params.get("lang"), request.cookies.get(_LANGUAGE_COOKIE)):
        if wanted in texts.languages:
            return wanted
    return texts.choose(request.headers.get("accept-language", ""))


def keep_language(accounts: IdentityProvider, request: Request, response: Response) -> None:
    """Let the language of the address last: `?lang=de` is for the pages that follow, too."""
    chosen = request.query_params.get("lang")
    if chosen in accounts.core.pages.texts.languages and chosen != request.cookies.get(_LANGUAGE_COOKIE):
        _set_cookie(accounts, response, _LANGUAGE_COOKIE, chosen, _LANGUAGE_SECONDS, path="/auth")


def _set_cookie(
    accounts: IdentityProvider, response: Response, name: str, value: str, seconds: int, *, path: str = "/"
) -> None:
    response.set_cookie(
        name,
        value,
        max_age=seconds,
        path=path,
        secure=accounts.core.settings.secure,
        httponly=True,
        samesite="lax",
    )
