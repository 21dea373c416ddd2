"""Timestamps as text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncline.values import decode_ts, encode_ts


@pytest.mark.parametrize(
    ("ts", "text"),
    [
        (0, "AAAAAAAAAAA="),
        (1, "AQAAAAAAAAA="),
        (2**63 - 1, "/////////38="),
        (1795349248916486283, "i3huNaFc6hg="),
        (1795349250998818604, "LFeMsaFc6hg="),
    ],
)
def test_timestamps_are_written_as_in_the_transcripts(ts: int, text: str) -> None:
    assert encode_ts(ts) == text
    assert decode_ts(text) == ts


@given(st.integers(0, 2**63 - 1))
def test_a_timestamp_is_read_back(ts: int) -> None:
    text = encode_ts(ts)

    assert decode_ts(text) == ts
    assert len(text) == 12


@pytest.mark.parametrize("ts", [-1, 2**63])
def test_a_timestamp_out_of_range_is_refused(ts: int) -> None:
    with pytest.raises(ValueError, match=r"a timestamp is 0 to 2\*\*63 - 1, got -?\d+"):
        encode_ts(ts)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "AAAA",
        "AAAAAAAAAAA",
        "AAAAAAAAAAB=",
        "AAAAAAAAAIA=",
        " AAAAAAAAAAA=",
        "_________38=",
        "é",
        "AAAAAAAAAAAA" * 3,
    ],
)
def test_text_that_is_no_timestamp_is_refused(text: str) -> None:
    with pytest.raises(
        ValueError, match="is not a timestamp: it must be 8 bytes, little endian, in padded base64"
    ):
        decode_ts(text)
