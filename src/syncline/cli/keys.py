"""`syncline keys`: admin keys beside the first one."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

import click

from .options import data_option, json_option, settings_of

if TYPE_CHECKING:
    from pathlib import Path

    from syncline.server.admin_keys import StoredKey

_DAY = 24 * 3600


@click.group(short_help="Admin keys for programs and people.")
def keys() -> None:
    """Admin keys beside the first one: each with a name, a scope and an end, and withdrawn by itself.

    \b
    syncline keys create ci --days 90
    syncline keys create dashboard --scope read
    """


@keys.command(short_help="Make a key, and print it once.")
@click.argument("name")
@click.option(
    "--scope",
    type=click.Choice(["admin", "read"]),
    default="admin",
    help="`read`: queries and logs, but no secrets (default: admin).",
)
@click.option(
    "--days", type=click.IntRange(1, 3650), metavar="N", help="Good for so many days (default: for ever)."
)
@json_option
@data_option
def create(
    name: str, scope: Literal["admin", "read"], days: int | None, as_json: bool, **flags: object
) -> int:
    """Make an admin key and print it. It is stored as a hash only: nobody can print it again."""
    import msgspec

    from syncline.kernel.clock import SystemEntropy
    from syncline.server.admin_key import instance_name, load_admin_key
    from syncline.server.admin_keys import create_key

    data = settings_of(flags).data
    data.mkdir(parents=True, exist_ok=True)
    entropy, now = SystemEntropy(), int(time.time())
    instance = instance_name(load_admin_key(data, os.environ, entropy))
    expires = None if days is None else now + days * _DAY
    key, text = create_key(data, instance, name, scope, expires, now, entropy)
    _note(data, "key created", key)
    if as_json:
        click.echo(msgspec.json.encode({**_described(key), "key": text}).decode())
        return 0
    click.echo(text)
    click.echo(
        f"the key {key.id} ({scope}) is shown this once; the server takes it within a second", err=True
    )
    return 0


@keys.command("list", short_help="The keys that there are.")
@json_option
@data_option
def show(as_json: bool, **flags: object) -> int:
    """Print ids, names, scopes, ends and last uses (to the minute) of the keys, never the keys."""
    import msgspec

    from syncline.server.admin_keys import read_keys, read_uses

    data = settings_of(flags).data
    found, uses = sorted(read_keys(data).values(), key=lambda key: key.created), read_uses(data)
    if as_json:
        listed = [{**_described(key), "used": uses.get(key.id)} for key in found]
        click.echo(msgspec.json.encode(listed).decode())
    elif not found:
        click.echo("there are no keys but the admin key: syncline keys create NAME", err=True)
    else:
        for key in found:
            until = "for ever" if key.expires is None else f"until {_day(key.expires)}"
            ended = ", ended" if key.expires is not None and key.expires <= time.time() else ""
            used = f"used {_day(uses[key.id])}" if key.id in uses else "never used"
            click.echo(
                f"{key.id}  {key.scope:<5}  {key.name}  (since {_day(key.created)}, {until}{ended}, {used})"
            )
    return 0


@keys.command(short_help="Withdraw a key.")
@click.argument("id")
@data_option
def revoke(id: str, **flags: object) -> int:
    """Withdraw a key. Connections that were opened with it are closed within two seconds."""
    from syncline.server.admin_keys import remove_key

    data = settings_of(flags).data
    key = remove_key(data, id)
    _note(data, "key revoked", key)
    click.echo(f"the key {key.id} ({key.name}) is good for nothing from now on", err=True)
    return 0


def _described(key: StoredKey) -> dict[str, object]:
    return {
        "id": key.id,
        "name": key.name,
        "scope": key.scope,
        "created": key.created,
        "expires": key.expires,
    }


def _day(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()


def _note(data: Path, event: str, key: StoredKey) -> None:
    from syncline.kernel.clock import SystemClock
    from syncline.server.audit_log import AuditLog

    audit = AuditLog(data, SystemClock())
    audit.record(event, {"key": key.id, "name": key.name, "scope": key.scope})
    audit.close()


@click.command("audit-log", short_help="What administrators did.")
@click.option(
    "--limit", type=click.IntRange(min=1), default=100, metavar="N", help="So many events (default: 100)."
)
@json_option
@data_option
def audit_log(limit: int, as_json: bool, **flags: object) -> int:
    """Print what holders of admin keys changed, which keys were made, withdrawn and refused; the newest last.

    \b
    syncline audit-log --limit 20
    syncline audit-log --json
    """
    import msgspec

    from syncline.server.audit_log import read_audit

    for event in read_audit(settings_of(flags).data, limit):
        if as_json:
            click.echo(msgspec.json.encode(event).decode())
        else:
            facts = "  ".join(
                f"{name}={value}" for name, value in event.items() if name not in ("at", "event")
            )
            click.echo(f"{str(event.get('at', ''))[:19]:<19}  {event.get('event')!s:<12}  {facts}")
    return 0


COMMANDS = (keys, audit_log)
