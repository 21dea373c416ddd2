"""Counts and sums of groups, kept while documents change; see `syncline.database.aggregate_keeping`."""

from __future__ import annotations

from syncline.schema import Document, Index, private


class AggregateRow(Document, table="_aggregates"):
    """The aggregate of one group, or of a run of neighbouring groups.

    `space` are the group's first fields, as parts of keys in hexadecimal digits, `start` the next one; `level` 0 is a group, higher ones are runs
    that begin with it, and -1 is the whole table. `total` is exact: an integer, or a fraction such as "1/10".
    """

    index: int
    space: str
    level: int
    start: str
    count: int
    numbers: int = 0
    total: str = "0"
    #: How many values are infinite, minus infinite, and not a number: they are not in `total`.
    odd: list[int] | None = None
    least: str | None = None
    most: str | None = None

    by_place = Index("index", "space", "level", "start")
    access = private
