from syncline import MutationCtx, QueryCtx, mutation, query

from .schema import Event


@mutation(internal=True)
def record(ctx: MutationCtx, sender: str, event_id: str, kind: str, summary: str) -> bool:
    """Keep an event; False if it was here before. What it changes in the application belongs here too."""
    if ctx.db.query(Event).where(sender=sender, event_id=event_id).exists():
        return False
    ctx.db.insert(Event(sender=sender, event_id=event_id, kind=kind, summary=summary))
    return True


@query
def recent(ctx: QueryCtx) -> list[Event]:
    """The newest events, live."""
    return ctx.db.query(Event).order("desc").take(20)
