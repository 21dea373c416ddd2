"""Functions over the tables, public unless they say otherwise."""

from __future__ import annotations

from syncline import (
    ActionCtx,
    Id,
    MutationCtx,
    Page,
    PaginationOptions,
    QueryCtx,
    SyncActionCtx,
    action,
    mutation,
    query,
)

from .schema import Article, Membership, Note, Post, Project, Seat, Secret, Shared, Task, Team


@mutation(internal=True)
def new_team(ctx: MutationCtx, name: str, users: list[str]) -> Id[Team]:
    team = ctx.db.insert(Team(name=name))
    for user in users:
        ctx.db.insert(Membership(user_id=user, team=team))
    return team


@mutation(internal=True)
def join(ctx: MutationCtx, team: Id[Team], user: str) -> None:
    ctx.db.insert(Membership(user_id=user, team=team))


@mutation(internal=True)
def leave(ctx: MutationCtx, team: Id[Team], user: str) -> None:
    for membership in ctx.db.query(Membership).where(user_id=user).all():
        if membership.team == team:
            ctx.db.delete(membership)


@mutation(internal=True)
def new_project(ctx: MutationCtx, name: str, users: list[str]) -> Id[Project]:
    project = ctx.db.insert(Project(name=name))
    for user in users:
        ctx.db.insert(Seat(user_id=user, project=project))
    return project


@mutation(internal=True)
def new_secret(ctx: MutationCtx, text: str) -> Id[Secret]:
    return ctx.db.insert(Secret(text=text))


@query
def projects(ctx: QueryCtx) -> list[str]:
    return [project.name for project in ctx.db.query(Project)]


@query
def secrets(ctx: QueryCtx) -> list[str]:
    return [secret.text for secret in ctx.db.query(Secret)]


@query(internal=True)
def secrets_inside(ctx: QueryCtx) -> list[str]:
    return [secret.text for secret in ctx.db.query(Secret)]


@query
def secrets_by_internal(ctx: QueryCtx) -> list[str]:
    return ctx.run(secrets_inside)


@query
def secrets_by_public(ctx: QueryCtx) -> list[str]:
    return ctx.run(secrets)


@query(internal=True)
def secrets_by_public_inside(ctx: QueryCtx) -> list[str]:
    return ctx.run(secrets)


@query
def secrets_by_plain_call(ctx: QueryCtx) -> list[str]:
    return secrets_inside(ctx)


@query
def secrets_in_the_open(ctx: QueryCtx) -> list[str]:
    return [secret.text for secret in ctx.db.unrestricted.query(Secret)]


@mutation
def add(ctx: MutationCtx, text: str, rank: int = 0, folder: str = "", user_id: str = "") -> Id[Note]:
    return ctx.db.insert(Note(text=text, rank=rank, folder=folder, user_id=user_id))


@query
def notes(ctx: QueryCtx) -> list[Note]:
    return ctx.db.query(Note).all()


@query
def note(ctx: QueryCtx, id: Id[Note]) -> Note | None:
    return ctx.db.get(id)


@query
def note_page(ctx: QueryCtx, paginationOpts: PaginationOptions) -> Page[Note]:
    return ctx.db.query(Note).order("desc").paginate(paginationOpts)


@mutation
def rename(ctx: MutationCtx, id: Id[Note], text: str) -> None:
    ctx.db.patch(id, text=text)


@mutation
def give_away(ctx: MutationCtx, id: Id[Note], user_id: str) -> None:
    ctx.db.patch(id, user_id=user_id)


@mutation
def rewrite(ctx: MutationCtx, id: Id[Note], text: str) -> None:
    ctx.db.replace(id, Note(text=text))


@mutation
def remove(ctx: MutationCtx, id: Id[Note]) -> None:
    ctx.db.delete(id)


@mutation
def add_task(ctx: MutationCtx, team: Id[Team], title: str, rank: int = 0) -> Id[Task]:
    return ctx.db.insert(Task(team=team, title=title, rank=rank))


@query
def tasks(ctx: QueryCtx) -> list[str]:
    return [task.title for task in ctx.db.query(Task)]


@query
def ranks(ctx: QueryCtx) -> dict[str, float]:
    """What the caller's tasks add up to: by an aggregate that begins with the team, and by one that does not."""
    teams = {group.key: group.sum for group in ctx.db.groups(Task.ranks)}
    assert ctx.db.sum(Task.ranks) == ctx.db.sum(Task.open_ranks, done=False) == sum(teams.values())
    assert ctx.db.count(Task.ranks) == ctx.db.query(Task).count()
    return teams


@query
def ranks_of(ctx: QueryCtx, team: Id[Team]) -> float:
    return ctx.db.sum(Task.ranks, team=team)


@query
def tasks_of(ctx: QueryCtx, team: Id[Team]) -> list[str]:
    return [task.title for task in ctx.db.query(Task).where(team=team)]


@query
def task_page(ctx: QueryCtx, paginationOpts: PaginationOptions) -> Page[str]:
    return ctx.db.query(Task).paginate(paginationOpts).map(lambda task: task.title)


@mutation
def share(ctx: MutationCtx, title: str, teams: list[Id[Team]]) -> Id[Shared]:
    return ctx.db.insert(Shared(title=title, teams=teams))


@mutation
def reshare(ctx: MutationCtx, id: Id[Shared], teams: list[Id[Team]]) -> None:
    ctx.db.patch(id, teams=teams)


@query
def shared(ctx: QueryCtx) -> list[str]:
    return [item.title for item in ctx.db.query(Shared)]


@mutation
def publish(ctx: MutationCtx, title: str, author: str = "") -> Id[Article]:
    return ctx.db.insert(Article(title=title, author=author))


@query
def articles(ctx: QueryCtx) -> list[str]:
    return [article.title for article in ctx.db.query(Article)]


@mutation
def edit_article(ctx: MutationCtx, id: Id[Article], title: str) -> None:
    ctx.db.patch(id, title=title)


@mutation
def draft(ctx: MutationCtx, title: str, author: str, published: bool = False) -> Id[Post]:
    return ctx.db.insert(Post(title=title, author=author, published=published))


@query
def posts(ctx: QueryCtx) -> list[str]:
    return [post.title for post in ctx.db.query(Post)]


@mutation
def retitle(ctx: MutationCtx, id: Id[Post], title: str) -> None:
    ctx.db.patch(id, title=title)


@mutation
def remove_post(ctx: MutationCtx, id: Id[Post]) -> None:
    ctx.db.delete(id)


@mutation
def found_a_team(ctx: MutationCtx, name: str, fail: bool = False) -> list[str]:
    """Becoming a member and using it, in one transaction."""
    user = ctx.auth.require().subject
    team = ctx.db.insert(Team(name=name))
    before = [task.title for task in ctx.db.query(Task)]
    ctx.db.unrestricted.insert(Membership(user_id=user, team=team))
    ctx.db.insert(Task(team=team, title=f"welcome to {name}"))
    assert before == [] or fail
    return [task.title for task in ctx.db.query(Task)]


@action
async def act(ctx: ActionCtx, text: str) -> list[str]:
    await ctx.run(add, text=text)
    seen = [item.text for item in await ctx.run(notes)]
    return [*seen, *await ctx.run(secrets), *await ctx.run(secrets_inside)]


@action(internal=True)
def act_inside(ctx: SyncActionCtx) -> list[str]:
    return ctx.run(secrets)


@mutation
def fail(ctx: MutationCtx) -> None:
    raise AssertionError("not about rights")


@query(internal=True)
def fail_inside(ctx: QueryCtx) -> None:
    assert ctx.db.query(Secret).exists()
    raise LookupError


@query
def secrets_after_a_failure(ctx: QueryCtx) -> list[str]:
    try:
        ctx.run(fail_inside)
    except LookupError:
        return ctx.run(secrets)
    raise AssertionError


@mutation(internal=True)
def add_inside(ctx: MutationCtx, text: str) -> Id[Note]:
    return ctx.db.insert(Note(text=text))


@query
def normal(ctx: QueryCtx, text: str) -> Id[Note] | None:
    return ctx.db.normalize_id(Note, text)


@mutation
def join_look_and_fail(ctx: MutationCtx, team: Id[Team]) -> None:
    ctx.db.unrestricted.insert(Membership(user_id=ctx.auth.require().subject, team=team))
    assert ctx.db.query(Task).exists()
    raise LookupError


@mutation
def tasks_after_a_failed_join(ctx: MutationCtx, team: Id[Team]) -> list[str]:
    try:
        ctx.run(join_look_and_fail, team=team)
    except LookupError:
        return [task.title for task in ctx.db.query(Task)]
    raise AssertionError
