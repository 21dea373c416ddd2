"""Queries over the tables with rules, each with its meaning: which rows, in which order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hypothesis import strategies as st
from teamwork.schema import Article, Note, Post, Project, Secret, Shared, Task

from syncline import Document, between, contains, gt, gte, lt, lte
from syncline.database import DatabaseReader, Query

Fields = dict[str, Any]
#: id -> (position in the order of creation, class, fields)
Model = dict[str, tuple[int, type[Document], Fields]]

USERS = ("ann", "bob")
RANKS = st.integers(-2, 2)
FOLDERS = ("", "a", "b")


class Ask:
    """A query, and what it means on the model."""

    def __init__(
        self,
        cls: type[Document],
        label: str,
        build: Callable[[DatabaseReader], Query[Any]],
        accepts: Callable[[Fields], bool],
        order: Callable[[Fields], Any],
        *,
        descending: bool,
    ) -> None:
        self.cls = cls
        self.label = label
        self.build: Callable[[DatabaseReader], Query[Any]] = (
            (lambda db: build(db).order("desc")) if descending else build
        )
        self.accepts = accepts
        self.order = order
        self.descending = descending

    def __repr__(self) -> str:
        return f"Ask({self.label}{' desc' if self.descending else ''})"

    def expected(self, model: Model, sees: Callable[[str], bool]) -> list[str]:
        rows = [
            (self.order(fields), at, id)
            for id, (at, cls, fields) in model.items()
            if cls is self.cls and self.accepts(fields) and sees(id)
        ]
        return [id for _, _, id in sorted(rows, key=lambda row: row[:2], reverse=self.descending)]


def _created(fields: Fields) -> int:
    return 0


def _rank(fields: Fields) -> int:
    return int(fields["rank"])


_Choice = tuple[
    type[Document],
    Callable[[DatabaseReader], Query[Any]],
    Callable[[Fields], bool],
    Callable[[Fields], Any],
]


def _any_table(low: int, high: int) -> list[_Choice]:
    choices: list[_Choice] = [(Secret, lambda db: db.query(Secret), lambda f: True, _created)]
    for cls in (Note, Task, Shared, Project, Article, Post):
        choices += _ranked(cls, low, high)
    return choices


def _ranked(cls: type[Any], low: int, high: int) -> list[_Choice]:
    return [
        (cls, lambda db: db.query(cls), lambda f: True, _created),
        (cls, lambda db: db.query(cls).where(rank=gte(low)), lambda f: f["rank"] >= low, _rank),
        (
            cls,
            lambda db: db.query(cls).where(rank=between(low, high)),
            lambda f: low <= f["rank"] <= high,
            _rank,
        ),
        (cls, lambda db: db.query(cls).where(rank=low), lambda f: f["rank"] == low, _created),
        (
            cls,
            lambda db: db.query(cls).filter(lambda row: row.rank < high),
            lambda f: f["rank"] < high,
            _created,
        ),
    ]


def _notes(user: str, folder: str, low: int) -> list[_Choice]:
    by_folder: Callable[[Fields], Any] = lambda f: (f["folder"], f["rank"])  # noqa: E731 - one of a table of them
    return [
        (Note, lambda db: db.query(Note).where(user_id=user), lambda f: f["user_id"] == user, _created),
        (
            Note,
            lambda db: db.query(Note).where(user_id=gt("ann")),
            lambda f: f["user_id"] > "ann",
            lambda f: f["user_id"],
        ),
        (Note, lambda db: db.query(Note).where(folder=folder), lambda f: f["folder"] == folder, _created),
        (
            Note,
            lambda db: db.query(Note).where(folder=folder, rank=lt(low)),
            lambda f: f["folder"] == folder and f["rank"] < low,
            _rank,
        ),
        (Note, lambda db: db.query(Note).index(Note.by_user), lambda f: True, lambda f: f["user_id"]),
        (
            Note,
            lambda db: db.query(Note).index(Note.by_user, user_id=user),
            lambda f: f["user_id"] == user,
            _created,
        ),
        (
            Note,
            lambda db: db.query(Note).index(Note.by_rank),
            lambda f: True,
            lambda f: (f["user_id"], f["rank"]),
        ),
        (Note, lambda db: db.query(Note).index(Note.by_folder), lambda f: True, by_folder),
        (
            Note,
            lambda db: db.query(Note).index(Note.by_folder, folder=folder, rank=gte(low)),
            lambda f: f["folder"] == folder and f["rank"] >= low,
            _rank,
        ),
        (
            Note,
            lambda db: db.query(Note).index(Note.by_folder, folder=gte(folder)).where(rank=low),
            lambda f: f["folder"] >= folder and f["rank"] == low,
            by_folder,
        ),
        (
            Note,
            lambda db: db.query(Note).index(Note.by_user_folder),
            lambda f: True,
            lambda f: (f["user_id"], f["folder"], f["rank"]),
        ),
    ]


def _teams(team: str, low: int) -> list[_Choice]:
    t: Any = team
    return [
        (Task, lambda db: db.query(Task).where(team=t), lambda f: f["team"] == team, _created),
        (Task, lambda db: db.query(Task).where(done=True), lambda f: f["done"], _created),
        (
            Task,
            lambda db: db.query(Task).where(team=gte(t)),
            lambda f: f["team"] >= team,
            lambda f: f["team"],
        ),
        (
            Task,
            lambda db: db.query(Task).where(team=t, rank=lte(low)),
            lambda f: f["team"] == team and f["rank"] <= low,
            _rank,
        ),
        (Task, lambda db: db.query(Task).index(Task.by_team), lambda f: True, lambda f: f["team"]),
        (
            Task,
            lambda db: db.query(Task).index(Task.by_rank),
            lambda f: True,
            lambda f: (f["team"], f["rank"]),
        ),
        (
            Task,
            lambda db: db.query(Task).index(Task.by_rank, team=t),
            lambda f: f["team"] == team,
            _rank,
        ),
        (Task, lambda db: db.query(Task).index(Task.by_done, done=False), lambda f: not f["done"], _created),
        (
            Shared,
            lambda db: db.query(Shared).where(teams=contains(t)),
            lambda f: team in f["teams"],
            _created,
        ),
        (
            Shared,
            lambda db: db.query(Shared).where(teams=contains(t), rank=gte(low)),
            lambda f: team in f["teams"] and f["rank"] >= low,
            _rank,
        ),
        (
            Shared,
            lambda db: db.query(Shared).index(Shared.by_teams_rank, teams=contains(t)),
            lambda f: team in f["teams"],
            _rank,
        ),
        (Project, lambda db: db.query(Project).index(Project.by_rank), lambda f: True, _rank),
        (
            Project,
            lambda db: db.query(Project).index(Project.by_rank, rank=gt(low)),
            lambda f: f["rank"] > low,
            _rank,
        ),
        (
            Post,
            lambda db: db.query(Post).index(Post.by_rank, rank=gte(low)),
            lambda f: f["rank"] >= low,
            _rank,
        ),
        (Article, lambda db: db.query(Article).index(Article.by_rank), lambda f: True, _rank),
    ]


@st.composite
def sweeps(draw: st.DrawFn, teams: Sequence[str]) -> list[Ask]:
    """Every query of every table, with some values in them."""
    user, folder, team = (
        draw(st.sampled_from(USERS)),
        draw(st.sampled_from(FOLDERS)),
        draw(st.sampled_from(teams)),
    )
    low, high, descending = draw(RANKS), draw(RANKS), draw(st.booleans())
    choices = [*_any_table(low, high), *_notes(user, folder, low), *_teams(team, low)]
    return [
        Ask(
            cls,
            f"query {number} on {cls.__name__}: {user=} {folder=} {team=} {low=} {high=}",
            build,
            accepts,
            order,
            descending=descending,
        )
        for number, (cls, build, accepts, order) in enumerate(choices)
    ]


def asks(teams: Sequence[str]) -> st.SearchStrategy[Ask]:
    """Any query of any table."""
    return sweeps(teams).flatmap(st.sampled_from)


def fields_of(cls: type[Document], teams: Sequence[str]) -> st.SearchStrategy[Fields]:
    """The fields of any row of a table."""
    return st.fixed_dictionaries(_strategies(teams)[cls])


def _strategies(teams: Sequence[str]) -> Mapping[type[Document], dict[str, st.SearchStrategy[Any]]]:
    title, owner, team = st.just("t"), st.sampled_from((*USERS, "")), st.sampled_from(teams)
    return {
        Note: {"text": title, "rank": RANKS, "folder": st.sampled_from(FOLDERS), "user_id": owner},
        Task: {"title": title, "team": team, "rank": RANKS, "done": st.booleans()},
        Shared: {"title": title, "teams": st.lists(team, max_size=3), "rank": RANKS},
        Project: {"name": title, "rank": RANKS},
        Article: {"title": title, "rank": RANKS, "author": owner},
        Post: {"title": title, "author": owner, "rank": RANKS, "published": st.booleans()},
        Secret: {"text": title},
    }
