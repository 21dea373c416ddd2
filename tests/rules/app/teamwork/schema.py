"""A table for each kind of rule."""

from __future__ import annotations

from syncline import Aggregate, Document, Id, Index, Rules, members, owned_by, private, public_read


class Team(Document):
    name: str


class Membership(Document):
    user_id: str
    team: Id[Team]

    by_user = Index("user_id")
    by_team = Index("team")
    access = members("team", via=by_user, field="team")


class Seat(Document):
    user_id: str
    project: Id[Project]

    by_user = Index("user_id", "project", unique=True)
    access = private


class Project(Document):
    """Its own id is what the memberships name."""

    name: str
    rank: int = 0

    by_rank = Index("rank")
    access = members("id", via=Seat.by_user, field="project")


class Note(Document):
    text: str
    rank: int = 0
    folder: str = ""
    user_id: str = ""

    by_user = Index("user_id")
    by_rank = Index("user_id", "rank")
    by_folder = Index("folder", "rank")
    by_user_folder = Index("user_id", "folder", "rank")
    access = owned_by("user_id")


class Task(Document):
    title: str
    team: Id[Team]
    rank: int = 0
    done: bool = False

    by_team = Index("team")
    by_rank = Index("team", "rank")
    by_done = Index("done")
    ranks = Aggregate("rank", by=("team", "done"))
    open_ranks = Aggregate("rank", by=("done",))
    access = members("team", via=Membership.by_user, field="team")


class Shared(Document, table="shared"):
    """Belongs to several teams."""

    title: str
    teams: list[Id[Team]]
    rank: int = 0

    by_teams = Index("teams", each=True)
    by_teams_rank = Index("teams", "rank", each=True)
    access = members("teams", via=Membership.by_user, field="team")


class Article(Document):
    title: str
    rank: int = 0
    author: str = ""

    by_rank = Index("rank")
    access = public_read(owner="author")


class Secret(Document):
    text: str

    by_text = Index("text")
    access = private


class Post(Document):
    """Drafts are their author's, what is published is everybody's; nobody deletes anything."""

    title: str
    author: str
    rank: int = 0
    published: bool = False

    by_rank = Index("rank")
    access = Rules(
        read=lambda ctx, doc: doc.published or doc.author == ctx.auth.require().subject,
        insert=lambda ctx, doc: doc.author == ctx.auth.require().subject,
        update=lambda ctx, old, new: old.author == new.author == ctx.auth.require().subject,
    )


class Open(Document, table="open"):
    """No rule."""

    text: str
