"""The one argument object of a call."""

from __future__ import annotations

import msgspec
import pytest

from syncline.kernel.errors import ArgumentError
from syncline.protocol import argument_object


@pytest.mark.parametrize(
    ("args", "found"),
    [
        (b"[{}]", b"{}"),
        (b"{}", b"{}"),
        (b'[{"a":1}]', b'{"a":1}'),
        (b' \n[ {"a":[1]} ] ', b'{"a":[1]}'),
        (b'{"a":[1]}', b'{"a":[1]}'),
        (b"5", b"5"),
    ],
)
def test_an_array_of_one_object_and_the_object_are_the_same(args: bytes, found: bytes) -> None:
    assert argument_object(args) == found
    assert argument_object(msgspec.Raw(args)) == found


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (b"[]", "a function takes one object with its arguments, got an array of 0"),
        (b"[{},{}]", "a function takes one object with its arguments, got an array of 2"),
        (b"[{}", "the arguments are not JSON: Input data was truncated"),
        (b"[" * 100_000, "the arguments are too deeply nested"),
    ],
)
def test_none_or_several_arguments_are_refused(args: bytes, text: str) -> None:
    with pytest.raises(ArgumentError) as refused:
        argument_object(args)

    assert str(refused.value) == text
