"""What administrators do with users: one function per command, each a transaction, called by HTTP and the command line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from . import (
    admission,
    api_keys,
    audit,
    deletion,
    events,
    flows,
    importing,
    organizations,
    passwords,
    rates,
    second_factor,
    sessions,
    signing_keys,
    users,
    webhooks,
)
from .core import AccountError, Core
from .emails import clean_email
from .users import User

#: How long the address to act as somebody is good, and then the session (seconds).
_TICKET_SECONDS = 10 * 60
IMPERSONATION_SECONDS = 15 * 60
#: The browser that a ticket for an administrator is for: any.
ANYWHERE = "impersonate"

Args = Mapping[str, Any]
Command = Callable[[Core, Args, str], Any]


def administer(core: Core, command: str, args: Args, actor: str) -> Any:
    """Run a command such as `users.ban`; `actor` says who, for the log. JSON in, JSON out. Raises AccountError."""
    run = COMMANDS.get(command)
    if run is None:
        raise AccountError("error.not_found", status=404)
    return run(core, args, actor)


def _user(core: Core, args: Args) -> User:
    """The user that `user` names: id, external id or address."""
    found = users.find(core, _text(args, "user"))
    if found is None:
        raise AccountError("error.no_user", status=404)
    return found


def _text(args: Args, name: str, default: str = "") -> str:
    value = args.get(name, default)
    if not isinstance(value, str):
        raise AccountError("error.body")
    return value


def _number(args: Args, name: str, default: int) -> int:
    value = args.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 100_000_000_000:
        raise AccountError("error.body")
    return value


def _list_users(core: Core, args: Args, actor: str) -> Any:
    limit = min(_number(args, "limit", 100), 1000)
    found = users.listed(core, after=_text(args, "after"), limit=limit, search=_text(args, "search"))
    return [events.describe_user(user, private=True) for user in found]


def _show_user(core: Core, args: Args, actor: str) -> Any:
    user = _user(core, args)
    exported = deletion.export_user(core, user.id)
    return {
        **events.describe_user(user, private=True),
        "password": exported["password"],
        "second_step": exported["second_step"],
        "passkeys": exported["passkeys"],
        "connections": exported["connections"],
        "organizations": exported["organizations"],
        "sessions": [asdict(session) for session in sessions.listed(core, user.id)],
    }


def _create_user(core: Core, args: Args, actor: str) -> Any:
    email = clean_email(_text(args, "email"))
    user = users.create(core, email=email, name=_text(args, "name"), external_id=args.get("external_id"))
    if args.get("password_hash"):
        passwords.put(core, user.id, _text(args, "password_hash"))
    audit.record(core, "user.created", user.id, actor=actor)
    events.user_changed(core, "user.created", user.id)
    return events.describe_user(users.require(core, user.id), private=True)


def _update_user(core: Core, args: Args, actor: str) -> Any:
    user = _user(core, args)
    if "name" in args:
        users.rename(core, user.id, _text(args, "name"))
    for kind in ("public", "private", "unsafe"):
        value = args.get(f"{kind}_metadata")
        if isinstance(value, dict):
            users.set_metadata(core, user.id, kind, value)  # pyright: ignore[reportUnknownArgumentType] - any JSON object
    audit.record(core, "user.updated", user.id, actor=actor, fields=sorted(args.keys() - {"user"}))
    events.user_changed(core, "user.updated", user.id)
    return events.describe_user(users.require(core, user.id), private=True)


def _mark(column: str, on: bool, event: str) -> Command:
    """Set or clear a time that keeps a user out."""

    def run(core: Core, args: Args, actor: str) -> Any:
        user = _user(core, args)
        core.file.change(
            f"UPDATE users SET {column} = ? WHERE id = ?",  # noqa: S608 - columns from below
            core.now() if on else None,
            user.id,
        )
        if on:
            sessions.end_all(core, user.id, event)
            core.ended += [key.id for key in api_keys.listed(core, user.id)]
        else:
            for address in user.addresses:
                rates.forget_failures(core, address.normal)
        users.touch(core, user.id)
        audit.record(core, event, user.id, actor=actor)
        events.user_changed(core, "user.updated", user.id)
        return events.describe_user(users.require(core, user.id), private=True)

    return run


def _delete_user(core: Core, args: Args, actor: str) -> Any:
    user = _user(core, args)
    deletion.delete_user(core, user.id, actor=actor)
    return {"id": user.id, "deleted": True}


def _reset_second(core: Core, args: Args, actor: str) -> Any:
    user = _user(core, args)
    second_factor.turn_off(core, user.id)
    sessions.end_all(core, user.id, "second step changed")
    audit.record(core, "factor.removed", user.id, actor=actor, what="authenticator app")
    return {"id": user.id}


def _impersonate(core: Core, args: Args, actor: str) -> Any:
    """An address that makes a session as the user, for ten minutes, once. The session lasts a quarter of an hour."""
    user = _user(core, args)
    reason = users.clean_name(_text(args, "reason"))
    begun = flows.start(
        core,
        "impersonate",
        ANYWHERE,
        seconds=_TICKET_SECONDS,
        user_id=user.id,
        address=core.new_id("as"),
        actor=actor,
    )
    audit.record(core, "impersonation.allowed", user.id, actor=actor, reason=reason)
    return {"url": f"{core.settings.issuer}/impersonate?flow={begun.flow.id}&token={begun.link}"}


def _revoke_sessions(core: Core, args: Args, actor: str) -> Any:
    user = _user(core, args)
    wanted = _text(args, "session")
    if wanted:
        own = any(session.id == wanted for session in sessions.listed(core, user.id))
        count = int(own and sessions.end(core, wanted, "revoked"))
    else:
        count = sessions.end_all(core, user.id, "revoked")
    audit.record(core, "session.revoked", user.id, actor=actor, session=wanted or "all")
    return {"revoked": count}


def _import(core: Core, args: Args, actor: str) -> Any:
    rows = args.get("users")
    if not isinstance(rows, list):
        raise AccountError("error.body")
    report = importing.import_users(core, rows)  # pyright: ignore[reportUnknownArgumentType] - any JSON, looked at there
    audit.record(core, "users.imported", None, actor=actor, count=report["imported"])
    return report


def _invite(core: Core, args: Args, actor: str) -> Any:
    email = clean_email(_text(args, "email"))
    organization = args.get("organization")
    if organization is not None and not core.file.row(
        "SELECT 1 FROM organizations WHERE id = ?", organization
    ):
        raise AccountError("error.no_organization", status=404)
    role = _text(args, "role", organizations.MEMBER)
    admission.invite(core, email, locale=_text(args, "locale", "en"), organization=organization, role=role)
    return {"email": email}


def _set_rule(core: Core, args: Args, actor: str) -> Any:
    pattern = _text(args, "pattern")
    if "@" not in pattern:
        raise AccountError("error.email")
    admission.set_rule(core, pattern, allowed=args.get("allowed") is True)
    audit.record(core, "rule.set", None, actor=actor, pattern=pattern, allowed=args.get("allowed") is True)
    return {"pattern": pattern}


def _list_rules(core: Core, args: Args, actor: str) -> Any:
    return [{"pattern": pattern, "allowed": allowed} for pattern, allowed in admission.rules(core)]


def _remove_rule(core: Core, args: Args, actor: str) -> Any:
    return {"removed": admission.remove_rule(core, _text(args, "pattern"))}


def _rotate(core: Core, args: Args, actor: str) -> Any:
    key = signing_keys.rotate(core, revoke_now=args.get("revoke_now") is True)
    audit.record(
        core, "signing_key.rotated", None, actor=actor, key=key.id, revoke_now=args.get("revoke_now") is True
    )
    return {"id": key.id, "algorithm": key.algorithm, "active_at": key.active_at}


def _create_webhook(core: Core, args: Args, actor: str) -> Any:
    wanted = args.get("events") or ["*"]
    if not isinstance(wanted, list):
        raise AccountError("error.body")
    hook, secret = webhooks.create(core, _text(args, "url"), [str(each) for each in wanted])  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] - any JSON
    return {**asdict(hook), "secret": secret}


def _create_api_key(core: Core, args: Args, actor: str) -> Any:
    user = _user(core, args)
    days = _number(args, "days", 0)
    scopes = tuple(str(each) for each in args.get("scopes") or ())
    key, secret = api_keys.create(core, user.id, _text(args, "name"), scopes, seconds=days * 86400 or None)
    return {**asdict(key), "secret": secret}


def _create_organization(core: Core, args: Args, actor: str) -> Any:
    user = _user(core, args)
    made = organizations.create(core, _text(args, "name"), user.id, _text(args, "slug"))
    events.emit(core, "organization.created", {"id": made.organization, "slug": made.slug, "name": made.name})
    return asdict(made)


COMMANDS: dict[str, Command] = {
    "users.list": _list_users,
    "users.show": _show_user,
    "users.create": _create_user,
    "users.update": _update_user,
    "users.ban": _mark("banned_at", True, "user.banned"),
    "users.unban": _mark("banned_at", False, "user.unbanned"),
    "users.lock": _mark("locked_at", True, "user.locked"),
    "users.unlock": _mark("locked_at", False, "user.unlocked"),
    "users.delete": _delete_user,
    "users.import": _import,
    "users.impersonate": _impersonate,
    "users.reset-second-step": _reset_second,
    "sessions.revoke": _revoke_sessions,
    "invitations.create": _invite,
    "organizations.create": _create_organization,
    "organizations.members": lambda core, args, actor: organizations.members(
        core, _text(args, "organization")
    ),
    "rules.list": _list_rules,
    "rules.set": _set_rule,
    "rules.remove": _remove_rule,
    "signing-keys.rotate": _rotate,
    "audit.list": lambda core, args, actor: audit.entries(
        core,
        user_id=args.get("user"),
        after=_number(args, "after", 0),
        limit=min(_number(args, "limit", 1000), 10_000),
    ),
    "webhooks.create": _create_webhook,
    "webhooks.list": lambda core, args, actor: [asdict(hook) for hook in webhooks.listed(core)],
    "webhooks.delete": lambda core, args, actor: {"deleted": webhooks.delete(core, _text(args, "webhook"))},
    "webhooks.deliveries": lambda core, args, actor: webhooks.deliveries(core, _text(args, "webhook")),
    "webhooks.replay": lambda core, args, actor: {
        "replayed": webhooks.replay(core, _number(args, "delivery", 0))
    },
    "api-keys.create": _create_api_key,
    "api-keys.list": lambda core, args, actor: [
        asdict(key) for key in api_keys.listed(core, _user(core, args).id)
    ],
    "api-keys.revoke": lambda core, args, actor: {
        "revoked": api_keys.revoke(core, _user(core, args).id, _text(args, "key"))
    },
}
