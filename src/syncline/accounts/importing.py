"""Users from elsewhere: Clerk's export, as CSV or JSON, with the hashes of their passwords."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, TypedDict, cast

from syncline.kernel.errors import SetupError

from . import passwords, users
from .core import AccountError, Core
from .emails import clean_email


class ImportReport(TypedDict):
    imported: int
    #: Users whose passwords are of a kind that cannot be checked here: they reset it, or sign in another way.
    without_password: int
    #: Who was left out, and why.
    skipped: list[dict[str, str]]


@dataclass
class Imported:
    """One user of an export."""

    id: str
    name: str = ""
    picture: str = ""
    verified: list[str] = field(default_factory=list[str])
    unverified: list[str] = field(default_factory=list[str])
    password: str = ""
    totp: str = ""
    created_at: int | None = None
    banned: bool = False
    metadata: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])


def read_export(path: Path) -> list[dict[str, Any]]:
    """The rows of an export file. Raises SetupError."""
    try:
        text = path.read_text("utf-8-sig")
        if text.lstrip().startswith(("[", "{")):
            loaded: Any = json.loads(text)
            rows: object = loaded
            if isinstance(loaded, dict):
                named = cast("dict[str, Any]", loaded)
                rows = named.get("data") or named.get("users")
            if not isinstance(rows, list):
                raise ValueError("there is no list of users in it")
            return [dict(row) for row in cast("list[dict[str, Any]]", rows)]
        return [dict(row) for row in csv.DictReader(text.splitlines())]
    except (OSError, ValueError, TypeError, csv.Error) as error:
        raise SetupError(
            f"{path} cannot be read as an export of users: {error}",
            "export users in the Clerk dashboard (Settings, Export all users) as CSV, or by its API as JSON",
        ) from None


def import_users(core: Core, rows: Sequence[object]) -> ImportReport:
    """Make a user of each row, with its id as external id. Who is there already is skipped: run it again as you like."""
    report = ImportReport(imported=0, without_password=0, skipped=[])
    for number, row in enumerate(rows, 1):
        if not isinstance(row, Mapping):
            report["skipped"].append({"id": f"row {number}", "why": "it is no user"})
            continue
        found = _read(cast("Mapping[str, Any]", row))
        try:
            with core.file.savepoint():
                _import(core, found, report)
        except AccountError as error:
            why = core.pages.texts.get("en", error.text, **error.values)
            report["skipped"].append({"id": found.id or f"row {number}", "why": why})
    return report


def _import(core: Core, found: Imported, report: ImportReport) -> None:
    if not found.id:
        raise AccountError("error.no_user")
    addresses = [(clean_email(text), True) for text in found.verified]
    addresses += [(clean_email(text), False) for text in found.unverified]
    for email, _ in addresses:
        if users.by_email(core, email) is not None:
            raise AccountError("error.email_taken")
    # Raises before anything is written: what is half there would be skipped the next time.
    if core.file.row("SELECT 1 FROM users WHERE external_id = ?", found.id):
        raise AccountError("error.external_id_taken")
    user = users.create(
        core, name=found.name, picture=found.picture, external_id=found.id, created_at=found.created_at
    )
    for place, (email, verified) in enumerate(addresses[: users.ADDRESSES]):
        users.add_address(core, user.id, email, verified=verified, primary=place == 0)
    if found.password and passwords.can_check(found.password):
        passwords.put(core, user.id, found.password)
    elif found.password:
        report["without_password"] += 1
    if found.totp:
        core.file.change(
            "INSERT INTO totps(user_id, secret, confirmed_at) VALUES (?, ?, ?)",
            user.id,
            core.box.seal(found.totp, f"identity:totp:{user.id}"),
            core.now(),
        )
    for kind, value in found.metadata.items():
        users.set_metadata(core, user.id, kind, value)
    if found.banned:
        core.file.change("UPDATE users SET banned_at = ? WHERE id = ?", core.now(), user.id)
    report["imported"] += 1


def _read(row: Mapping[str, Any]) -> Imported:
    """One user, whichever of Clerk's two forms it has."""
    name = " ".join(filter(None, (_text(row, "first_name"), _text(row, "last_name")))) or _text(
        row, "username"
    )
    found = Imported(_text(row, "id"), name or _text(row, "name"), _text(row, "image_url"))
    found.password = _text(row, "password_digest")
    found.totp = _text(row, "totp_secret")
    found.created_at = _time(row.get("created_at"))
    found.banned = row.get("banned") is True
    for kind in ("public", "private", "unsafe"):
        value = row.get(f"{kind}_metadata")
        if isinstance(value, dict) and value:
            found.metadata[kind] = cast("dict[str, Any]", value)
    listed: Any = row.get("email_addresses")
    if isinstance(listed, list):
        primary = row.get("primary_email_address_id")
        entries = _objects(listed)  # pyright: ignore[reportUnknownArgumentType] - any JSON
        for each in sorted(entries, key=lambda each: each.get("id") != primary):
            verification = _objects([each.get("verification")])
            verified = bool(verification) and verification[0].get("status") == "verified"
            (found.verified if verified else found.unverified).append(_text(each, "email_address"))
    else:
        primary_address = _text(row, "primary_email_address")
        found.verified = _texts(row, "verified_email_addresses")
        found.unverified = _texts(row, "unverified_email_addresses")
        if primary_address in found.verified:
            found.verified.remove(primary_address)
            found.verified.insert(0, primary_address)
        elif primary_address and primary_address not in found.unverified:
            found.unverified.insert(0, primary_address)
    return found


def _objects(values: Iterable[Any]) -> list[Mapping[str, Any]]:
    """Those of them that are JSON objects."""
    return [each for each in values if isinstance(each, Mapping)]


def _text(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    return value.strip() if isinstance(value, str) else ""


def _texts(row: Mapping[str, Any], name: str) -> list[str]:
    """A cell with several values: Clerk puts `|` or a comma between them."""
    return [part.strip() for part in _text(row, name).replace("|", ",").split(",") if part.strip()]


def _time(value: object) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value // 1000
    if isinstance(value, str) and value:
        try:
            return int(datetime.fromisoformat(value).timestamp())
        except ValueError:
            return None
    return None
