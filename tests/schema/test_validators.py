"""Validators in the JSON form of Convex's tools, and as their errors print them."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from support.schemas import Address, Colour, Message, User
from syncline.schema import Id, Page, ResultCodec
from syncline.schema.validators import validator_text
from syncline.values import Int64

TEXTS: list[tuple[Any, str]] = [
    (None, "v.null()"),
    (int, "v.number()"),
    (Int64, "v.int64()"),
    (bool, "v.boolean()"),
    (str, "v.string()"),
    (bytes, "v.bytes()"),
    (Any, "v.any()"),
    (Id[User], 'v.id("users")'),
    (list[int], "v.array(v.number())"),
    (dict[str, int], "v.record(v.string(), v.number())"),
    (int | None, "v.union(v.number(), v.null())"),
    (Literal["a"], 'v.literal("a")'),
    (Literal[1, True, None], "v.union(v.literal(1), v.literal(true), v.null())"),
    (Colour, 'v.union(v.literal("red"), v.literal("green"))'),
    (Address, "v.object({street: v.string(), number: v.optional(v.number())})"),
    (
        Page[str],
        "v.object({page: v.array(v.string()), isDone: v.boolean(), continueCursor: v.string(), "
        "splitCursor: v.optional(v.union(v.string(), v.null())), pageStatus: v.optional(v.union("
        'v.literal("SplitRecommended"), v.literal("SplitRequired"), v.null()))})',
    ),
    (
        Message,
        'v.object({_id: v.id("messages"), _creationTime: v.number(), channel: v.string(), author: v.id("users"), '
        'body: v.string(), likes: v.number(), reply_to: v.union(v.id("messages"), v.null()), tags: v.array(v.string())})',
    ),
]


@pytest.mark.parametrize(("hint", "text"), TEXTS, ids=[text for _, text in TEXTS])
def test_a_validator_prints_as_typescript(hint: Any, text: str) -> None:
    assert validator_text(ResultCodec(hint).to_json_spec()) == text
