"""Who may have an account: invitations, and rules for addresses."""

from __future__ import annotations

from typing import Any

from syncline.accounts import admission
from syncline.accounts.organizations import MEMBER

from .asking import Asked, Endpoint, missing, page, wrong
from .describing import describe_invitation


def _list(asked: Asked) -> Any:
    return _page(asked, None)


def _invite(asked: Asked) -> Any:
    return _made(asked, None, None)


def _list_of_organization(asked: Asked) -> Any:
    return _page(asked, asked.organization().id)


def _invite_to_organization(asked: Asked) -> Any:
    return _made(asked, asked.organization().id, asked.text("role", MEMBER))


def _page(asked: Asked, organization: str | None) -> Any:
    found = admission.pending(asked.core, organization, after=asked.after, limit=asked.limit + 1)
    return page([describe_invitation(each) for each in found], asked.limit)


def _made(asked: Asked, organization: str | None, role: str | None) -> Any:
    locale = asked.text("locale", "en", length=20)
    email = asked.email()
    with asked.about("role" if organization else "email"):
        admission.invite(
            asked.core,
            email,
            locale=locale,
            organization=organization,
            role=role or MEMBER,
            visitor=asked.visitor,
            actor=asked.actor,
        )
    made = admission.open_invitations(asked.core, email)
    return describe_invitation(next(each for each in made if each.organization == organization))


def _revoke(asked: Asked) -> Any:
    found = admission.invitation(asked.core, asked.path["invitation"])
    if found is None or not admission.revoke_invitation(asked.core, found.id, found.organization):
        raise missing()
    asked.record("invitation.revoked", None, email=found.email, organization=found.organization)
    return {"id": found.id, "revoked": True}


def _list_rules(asked: Asked) -> Any:
    found = [(pattern, allowed) for pattern, allowed in admission.rules(asked.core) if pattern > asked.after]
    rules = [{"pattern": pattern, "allowed": allowed} for pattern, allowed in sorted(found)]
    return page(rules[: asked.limit + 1], asked.limit, "pattern")


def _set_rule(asked: Asked) -> Any:
    pattern, allowed = asked.text("pattern", length=320).strip().casefold(), asked.flag("allowed")
    if "@" not in pattern[:-1]:
        raise wrong("pattern", "an address, or @example.com")
    admission.set_rule(asked.core, pattern, allowed=allowed)
    asked.record("rule.set", None, pattern=pattern, allowed=allowed)
    return {"pattern": pattern, "allowed": allowed}


def _remove_rule(asked: Asked) -> Any:
    pattern = asked.path["pattern"].casefold()
    if not admission.remove_rule(asked.core, pattern):
        raise missing()
    asked.record("rule.removed", None, pattern=pattern)
    return {"pattern": pattern, "deleted": True}


ENDPOINTS = (
    Endpoint("GET", "/invitations", _list, "to the application, that nobody accepted yet", ("after", "limit")),
    Endpoint(
        "POST",
        "/invitations",
        _invite,
        "sends a mail; good for a week, and for its address only",
        ("email", "locale"),
        201,
    ),
    Endpoint("DELETE", "/invitations/{invitation}", _revoke, "takes one back, of organisations too"),
    Endpoint(
        "GET",
        "/organizations/{organization}/invitations",
        _list_of_organization,
        "to the organisation",
        ("after", "limit"),
    ),
    Endpoint(
        "POST",
        "/organizations/{organization}/invitations",
        _invite_to_organization,
        "sends a mail, as above",
        ("email", "role", "locale"),
        201,
    ),
    Endpoint("GET", "/rules", _list_rules, "who may sign up", ("after", "limit")),
    Endpoint(
        "POST",
        "/rules",
        _set_rule,
        "`@example.com` or an address, allowed or blocked. With any allowed one, all others may not",
        ("pattern", "allowed"),
        201,
    ),
    Endpoint("DELETE", "/rules/{pattern}", _remove_rule, "takes one away"),
)  # fmt: skip
