"""Merges of users, and how far their documents are."""

from __future__ import annotations

from typing import Any

from syncline.accounts import merging
from syncline.accounts.core import ms
from syncline.accounts.merging import Merge

from .asking import Asked, Endpoint, page


def _merge(asked: Asked) -> Any:
    source = asked.user()
    with asked.about("into"):
        target = asked.user_of("into")
    made = merging.merge(asked.core, source, target, actor=asked.actor, visitor=asked.visitor)
    return describe_merge(made)


def _list(asked: Asked) -> Any:
    found = merging.listed(asked.core, after=asked.after, limit=asked.limit + 1)
    return page([describe_merge(each) for each in found], asked.limit, "source")


def _show(asked: Asked) -> Any:
    return describe_merge(merging.require(asked.core, asked.path["source"]))


def describe_merge(merge: Merge) -> dict[str, Any]:
    progress = merge.progress
    return {
        "source": merge.source,
        "target": merge.target,
        "actor": merge.actor,
        "merged_at": ms(merge.at),
        "done_at": ms(merge.done_at),
        "moved": progress.moved,
        "stayed": progress.stayed,
        "documents": progress.named or [],
        "error": merge.error,
    }


ENDPOINTS = (
    Endpoint(
        "POST",
        "/users/{user}/merge",
        _merge,
        "makes one user of two: `{user}` is no more, and all of it belongs to `into`, see below",
        ("into",),
    ),
    Endpoint("GET", "/merges", _list, "merges, in the order of the merged users' ids", ("after", "limit")),
    Endpoint("GET", "/merges/{source}", _show, "one, by the id of the merged user, with how far its documents are"),
)  # fmt: skip
