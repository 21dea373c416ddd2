"""Reports: actions may ask other services (a language model, a mail server); queries and mutations may not."""

from syncline import ActionCtx, action

from . import tasks


@action
async def summary(ctx: ActionCtx) -> str:
    """The state of the list in words."""
    counts = await ctx.run(tasks.counts)
    if counts["open"] == 0:
        return f"Everything is done: {counts['done']} of {counts['done']}."
    newest = next(task for task in await ctx.run(tasks.list_tasks) if not task.done)
    return f"{counts['open']} open, {counts['done']} done. The newest open one: {newest.title}"
