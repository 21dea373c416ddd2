"""Reading and changing the deployment's environment variables."""

from __future__ import annotations

import re

from syncline.functions.contexts import MutationCtx, QueryCtx
from syncline.functions.decorators import mutation, query
from syncline.functions.system_db import settings_of, system_writer
from syncline.kernel.errors import ArgumentError, LimitError
from syncline.kernel.secrets import SecretBox
from syncline.system import EnvironmentVariable

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


@query(name="list", internal=True)
def list_variables(ctx: QueryCtx) -> dict[str, str]:
    """All stored variables with their values, by name."""
    secrets = _secrets(ctx)
    found = ctx.db.query(EnvironmentVariable).index(EnvironmentVariable.by_variable)
    return {item.name: secrets.open(item.sealed, item.name) for item in found}


@query(internal=True)
def get(ctx: QueryCtx, name: str) -> str | None:
    """The stored value of one variable."""
    found = ctx.db.query(EnvironmentVariable).where(name=name).unique()
    return None if found is None else _secrets(ctx).open(found.sealed, name)


@mutation(internal=True)
def change(ctx: MutationCtx, changes: dict[str, str | None]) -> None:
    """Set variables; None removes one. All or nothing."""
    limits, secrets = settings_of(ctx).limits, _secrets(ctx)
    db = system_writer(ctx)
    for name, value in changes.items():
        _check(name, value, limits.environment_name_length, limits.environment_value_bytes)
        found = db.query(EnvironmentVariable).where(name=name).unique()
        if value is None:
            if found is not None:
                db.delete(found)
            continue
        sealed = secrets.seal(value, name)
        if found is None:
            db.insert(EnvironmentVariable(name=name, sealed=sealed))
        else:
            db.patch(found, sealed=sealed)
    count = db.query(EnvironmentVariable).count()
    if count > limits.environment_variables:
        raise LimitError(
            f"environment variables: {count:,}, the limit is {limits.environment_variables:,}. Remove some that "
            "nothing reads: syncline env remove NAME"
        )


def _secrets(ctx: QueryCtx) -> SecretBox:
    secrets = settings_of(ctx).secrets
    if secrets is None:
        raise ArgumentError("this server was started without a key for stored variables")
    return secrets


def _check(name: str, value: str | None, name_limit: int, value_limit: int) -> None:
    if not _NAME.fullmatch(name) or len(name) > name_limit:
        raise ArgumentError(
            f"{name!r} cannot name an environment variable: letters, digits and _, not beginning with a digit, "
            f"at most {name_limit} characters"
        )
    if name.startswith("SYNCLINE_"):
        raise ArgumentError(
            f"{name} is a setting of the server itself, read before the database is opened: set it where the "
            "process is started"
        )
    if value is not None and len(value.encode()) > value_limit:
        raise LimitError(
            f"environment value bytes: {name} has {len(value.encode()):,}, the limit is {value_limit:,}. "
            "Put what is larger into a file or a document"
        )
    if value is not None and "\0" in value:
        raise ArgumentError(f"{name}: a value cannot hold the character NUL")


FUNCTIONS = (list_variables, get, change)
