"""Changing single documents by hand: for the command line."""

from __future__ import annotations

from typing import Any

from syncline.functions.contexts import MutationCtx, QueryCtx
from syncline.functions.decorators import mutation, query
from syncline.functions.system_db import run_of
from syncline.kernel.errors import DocumentError, NotFoundError
from syncline.schema import Document, Id, created_us_of
from syncline.schema.document import no_such_field
from syncline.values import decode_id


@query(internal=True)
def get(ctx: QueryCtx, id: str) -> Any:
    """A document of the application, as it is stored; None if there is none."""
    return ctx.db.get(_id(ctx, id))


@mutation(internal=True)
def patch(ctx: MutationCtx, id: str, changes: dict[str, Any]) -> Any:
    """Change some fields, given as on the wire. Returns the document as it is then."""
    document = ctx.db.require(_id(ctx, id))
    table = run_of(ctx).catalog.of(type(document))
    for name in changes:
        if name not in table.fields:
            raise no_such_field(table.cls, name)
    fields = {**table.codec.to_fields(document), **changes}
    body = table.codec.encode_body(fields, id, created_us_of(document))
    problems = table.codec.check_body(body)
    if problems:
        raise DocumentError("; ".join(map(str, problems)))
    ctx.db.replace(document, table.codec.load(body))
    return ctx.db.require(document.id)


@mutation(internal=True)
def delete(ctx: MutationCtx, id: str) -> None:
    """Remove a document."""
    ctx.db.delete(ctx.db.require(_id(ctx, id)))


def _id(ctx: QueryCtx, text: str) -> Id[Document]:
    """The id of a document of a table that the application declares."""
    try:
        number, _internal = decode_id(text)
    except ValueError as error:
        raise NotFoundError(f"not a document id: {error}") from None
    table = run_of(ctx).catalog.by_number.get(number)
    if table is None or table.system:
        raise NotFoundError(f"{text} is not the id of a document of this application")
    return Id(text)


FUNCTIONS = (get, patch, delete)
