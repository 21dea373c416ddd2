"""Sealed texts: readable with the key and for their purpose only."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncline.kernel.errors import SetupError
from syncline.kernel.secrets import SecretBox

BOX = SecretBox(bytes(32))


@given(st.text(), st.text(st.characters(codec="utf-8")))
def test_what_was_sealed_opens_again(text: str, context: str) -> None:
    assert BOX.open(BOX.seal(text, context), context) == text


def test_the_sealed_form_shows_nothing_and_differs_each_time() -> None:
    sealed = BOX.seal("the secret", "KEY")
    assert "secret" not in sealed
    assert sealed != BOX.seal("the secret", "KEY")


@pytest.mark.parametrize(
    ("sealed", "context"),
    [
        pytest.param(SecretBox(b"x" * 32).seal("text", "KEY"), "KEY", id="another key"),
        pytest.param(BOX.seal("text", "OTHER"), "KEY", id="another context"),
        pytest.param(BOX.seal("text", "KEY")[:-6], "KEY", id="cut"),
        pytest.param("v1:no base64", "KEY", id="nonsense"),
    ],
)
def test_what_does_not_fit_is_refused_with_a_remedy(sealed: str, context: str) -> None:
    with pytest.raises(SetupError, match="the stored value of KEY cannot be decrypted") as caught:
        BOX.open(sealed, context)
    assert "SYNCLINE_DATA_KEY" in str(caught.value)


def test_a_key_has_32_bytes() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        SecretBox(b"short")
