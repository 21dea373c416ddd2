"""What is known of the documents of a group: how many, their sum, the least and the greatest value.

Sums are exact, integers or fractions, so that a value that is added and taken away again leaves nothing behind and the
order of writes does not matter; they are rounded once, when they are read.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import NamedTuple, TypeAlias, cast

from syncline.values import Int64, Value, decode_key_part, encode_key_part

Exact: TypeAlias = "int | Fraction"
#: Infinite, minus infinite, not a number.
Odd: TypeAlias = tuple[int, int, int]

_EVEN: Odd = (0, 0, 0)


class Content(NamedTuple):
    """The aggregate of some documents. `least` and `most` are parts of index keys in hexadecimal digits:
    their order is that of values.
    """

    rows: int
    #: How many of the values are not None.
    numbers: int = 0
    total: Exact = 0
    odd: Odd = _EVEN
    least: str | None = None
    most: str | None = None


EMPTY = Content(0)


def content_of(value: Value) -> Content:
    """One document with this value of the aggregated field."""
    if value is None:
        return Content(1)
    number = cast("float | Int64", value)
    part = encode_key_part(value).hex()
    if isinstance(number, float) and not math.isfinite(number):
        odd = (int(number == math.inf), int(number == -math.inf), int(math.isnan(number)))
        return Content(1, 1, 0, odd, part, part)
    exact = int(number) if number == int(number) else Fraction(number)
    return Content(1, 1, exact, _EVEN, part, part)


def combined(contents: Iterable[Content]) -> Content:
    """All documents of several groups."""
    count = numbers = pos = neg = nan = 0
    total: Exact = 0
    least: str | None = None
    most: str | None = None
    for item in contents:
        count += item.rows
        numbers += item.numbers
        total += item.total
        pos, neg, nan = pos + item.odd[0], neg + item.odd[1], nan + item.odd[2]
        if item.least is not None and (least is None or item.least < least):
            least = item.least
        if item.most is not None and (most is None or item.most > most):
            most = item.most
    return Content(count, numbers, total, (pos, neg, nan), least, most)


def replaced(whole: Content, before: Content, after: Content, recompute: Callable[[], Content]) -> Content:
    """`whole` when a part of it changes. `recompute` gives it anew, for when its least or greatest value may be gone."""
    least, most = whole.least, whole.most
    if after.least is not None and (least is None or after.least <= least):
        least = after.least
    elif before.least is not None and before.least == least:
        return recompute()
    if after.most is not None and (most is None or after.most >= most):
        most = after.most
    elif before.most is not None and before.most == most:
        return recompute()
    odd = (
        whole.odd[0] - before.odd[0] + after.odd[0],
        whole.odd[1] - before.odd[1] + after.odd[1],
        whole.odd[2] - before.odd[2] + after.odd[2],
    )
    return Content(
        whole.rows - before.rows + after.rows,
        whole.numbers - before.numbers + after.numbers,
        whole.total - before.total + after.total,
        odd,
        least,
        most,
    )


def total_of(text: str) -> Exact:
    numerator, _, denominator = text.partition("/")
    return Fraction(int(numerator), int(denominator)) if denominator else int(numerator)


def rounded(total: Exact, odd: Odd) -> float:
    """A sum as the nearest float, with infinities and what is not a number."""
    pos, neg, nan = odd
    if nan or (pos and neg):
        return math.nan
    if pos or neg:
        return math.inf if pos else -math.inf
    try:
        return float(total)
    except OverflowError:
        return math.inf if total > 0 else -math.inf


def value_of_part(part: str) -> float | Int64:
    """The number that a part of a key stands for."""
    return cast("float | Int64", decode_key_part(bytes.fromhex(part))[0])
