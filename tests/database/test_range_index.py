"""The range index answers exactly what asking every read set one by one answers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from syncline.database import END, CommitRecord, EntryChange, RangeIndex, ReadRange, ReadSet, document_range

# Keys of two "fields" of one byte each and a tail of one byte, over a tiny alphabet, so that ranges meet often.
_BYTES = [b"\x10", b"\x20", b"\x30"]
_byte = st.sampled_from(_BYTES)


@st.composite
def changes(draw: st.DrawFn) -> EntryChange:
    index = draw(st.integers(1, 2))
    key = draw(_byte) + draw(_byte) + draw(_byte)
    return EntryChange(index, key, (1, 2))


@st.composite
def ranges(draw: st.DrawFn) -> ReadRange:
    index = draw(st.integers(1, 2))
    prefix = draw(st.sampled_from([b""]) | _byte | st.builds(bytes.__add__, _byte, _byte))
    start = prefix + draw(st.sampled_from([b""]) | _byte)
    above = prefix[:-1] + bytes([prefix[-1] + 1]) if prefix else END
    stop: bytes = draw(
        st.sampled_from([above]) | st.sampled_from([prefix + tail + b"\x00" for tail in _BYTES])
    )
    if start >= stop:
        start = prefix
    return ReadRange(index, prefix, start, stop)


read_sets = st.lists(ranges(), max_size=4).map(ReadSet)
records = st.lists(changes(), min_size=1, max_size=4).map(lambda items: CommitRecord(1, tuple(items)))


@given(
    st.dictionaries(st.integers(0, 200), read_sets, max_size=150), st.lists(records, min_size=1, max_size=5)
)
def test_hits_are_the_read_sets_that_overlap(
    registered: dict[int, ReadSet], asked: list[CommitRecord]
) -> None:
    index: RangeIndex[int] = RangeIndex()
    for token, read_set in registered.items():
        index.add(token, read_set)
    for record in asked:
        assert index.hits(record) == {token for token, item in registered.items() if item.overlaps(record)}


@given(st.lists(st.tuples(st.integers(0, 20), read_sets | st.none()), max_size=60), records)
def test_tokens_may_be_replaced_and_removed(
    steps: list[tuple[int, ReadSet | None]], record: CommitRecord
) -> None:
    index: RangeIndex[int] = RangeIndex()
    model: dict[int, ReadSet] = {}
    for token, read_set in steps:
        if read_set is None:
            index.remove(token)
            model.pop(token, None)
        else:
            index.add(token, read_set)
            model[token] = read_set
    assert len(index) == len(model)
    assert index.hits(record) == {token for token, item in model.items() if item.overlaps(record)}


def test_a_document_read_by_id_is_hit_by_its_write_alone() -> None:
    index: RangeIndex[str] = RangeIndex()
    mine, other = b"m" * 16, b"o" * 16
    index.add("mine", ReadSet([document_range(10001, mine)]))
    assert index.hits(CommitRecord(1, (EntryChange(-10001, mine, (16,)),))) == {"mine"}
    assert index.hits(CommitRecord(2, (EntryChange(-10001, other, (16,)),))) == set()
    assert index.hits(CommitRecord(3, (EntryChange(-10002, mine, (16,)),))) == set()


def test_many_overlapping_ranges_are_found_and_removed() -> None:
    index: RangeIndex[int] = RangeIndex()
    for number in range(1000):
        start = number.to_bytes(2, "big")
        index.add(number, ReadSet([ReadRange(1, b"", start, END)]))
    assert index.hits(CommitRecord(1, (EntryChange(1, (500).to_bytes(2, "big"), ()),))) == set(range(501))
    for number in range(0, 1000, 2):
        index.remove(number)
    assert index.hits(CommitRecord(1, (EntryChange(1, (500).to_bytes(2, "big"), ()),))) == set(
        range(1, 501, 2)
    )


def test_an_empty_range_that_was_asked_conflicts_with_what_appears_in_it() -> None:
    asked = ReadSet([ReadRange(1, b"\x30a\x00", b"\x30a\x00", b"\x30a\x01")])
    assert asked.overlaps(CommitRecord(1, (EntryChange(1, b"\x30a\x00" + b"t" * 24, (3,)),)))
    assert not asked.overlaps(CommitRecord(1, (EntryChange(1, b"\x30b\x00" + b"t" * 24, (3,)),)))
