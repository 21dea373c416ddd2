"""Hypothesis strategies for values, and what it means for two of them to be the same."""

from __future__ import annotations

from typing import cast

from hypothesis import strategies as st

from syncline.values import INT64_MAX, INT64_MIN, Int64, Value, compare

#: Printable ASCII without a leading "$". "__proto__" is left out: JavaScript objects cannot hold it as a field.
names = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=12).filter(
    lambda name: not name.startswith("$") and name != "__proto__"
)
#: Everything but halves of surrogate pairs; NUL and what lies above them in UTF-16 come often.
texts = st.text(
    st.one_of(
        st.characters(exclude_categories=["Cs"]), st.sampled_from("\0\x01ab\x7f\uffff\U00010000\U0010ffff")
    ),
    max_size=20,
)
int64s = st.integers(INT64_MIN, INT64_MAX).map(Int64)
floats = st.one_of(st.floats(), st.sampled_from([0.0, -0.0, 5e-324, -5e-324, 1e16, 1e21, 2.0**53]))
binaries = st.one_of(
    st.binary(max_size=20), st.lists(st.sampled_from([0, 1, 0xFE, 0xFF]), max_size=6).map(bytes)
)
scalars: st.SearchStrategy[Value] = st.one_of(st.none(), st.booleans(), int64s, floats, texts, binaries)


def _containers(inner: st.SearchStrategy[Value]) -> st.SearchStrategy[Value]:
    return st.one_of(st.lists(inner, max_size=5), st.dictionaries(names, inner, max_size=5))


values: st.SearchStrategy[Value] = st.recursive(scalars, _containers, max_leaves=15)
#: What documents and arguments are.
objects: st.SearchStrategy[dict[str, Value]] = st.dictionaries(names, values, max_size=5)


def same(a: object, b: object) -> bool:
    """The same type and value all through: Python's == takes 1.0 for True, 0.0 for -0.0 and no NaN for itself."""
    if type(a) is not type(b):
        return False
    if isinstance(a, list):
        items, others = cast("list[object]", a), cast("list[object]", b)
        return len(items) == len(others) and all(map(same, items, others))
    if isinstance(a, dict):
        fields, other = cast("dict[str, object]", a), cast("dict[str, object]", b)
        return fields.keys() == other.keys() and all(same(fields[name], other[name]) for name in fields)
    return compare(a, b) == 0
