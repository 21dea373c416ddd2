"""Text that grows in a document: written by `ctx.stream` of actions."""

from __future__ import annotations

from syncline.functions.contexts import MutationCtx
from syncline.functions.decorators import mutation
from syncline.kernel.errors import ArgumentError
from syncline.schema import Document, Id


@mutation(internal=True)
def append(ctx: MutationCtx, id: str, field: str, text: str) -> None:
    """Put `text` at the end of a text field of a document."""
    db = ctx.db.unrestricted
    document = db.require(Id[Document](id))
    table = type(document).__definition__.table
    before = getattr(document, field, None) if field in type(document).__definition__.annotations else None
    if not isinstance(before, str):
        raise ArgumentError(f"ctx.stream: `{table}.{field}` is not a field that holds text")
    db.patch(document, **{field: before + text})


FUNCTIONS = (append,)
