"""The three kinds of functions."""

from __future__ import annotations

from enum import Enum


class Kind(Enum):
    """What a function may do. The value is its name on the wire."""

    QUERY = "Query"
    MUTATION = "Mutation"
    ACTION = "Action"

    decorator: str
    context: str

    def __init__(self, wire: str) -> None:
        self.decorator = wire.lower()
        self.context = f"{wire}Ctx"
