"""What the database holds, and who may see and change it."""

from syncline import Document, Index, QueryCtx, Rules


def signed_in(ctx: QueryCtx, *rows: "Task") -> bool:
    """One list for all who are signed in. To give each his own: a field `user_id`, and `access = owned_by("user_id")`."""
    return ctx.auth.identity is not None


class Task(Document):
    title: str
    done: bool = False

    by_done = Index("done")
    access = Rules(read=signed_in, insert=signed_in, update=signed_in, delete=signed_in)
