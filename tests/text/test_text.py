"""Words, searches and highlights in any script."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncline.text import (
    Needle,
    even_weights,
    highlight,
    parse_search,
    score,
    weights_of_all,
    weights_of_found,
    words_of,
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The quick, brown-fox_jumps 2 times!", ["the", "quick", "brown", "fox", "jumps", "2", "times"]),
        ("Crème BRÛLÉE Straße", ["creme", "brulee", "strasse"]),
        ("Ёлка и ёжик", ["елка", "и", "ежик"]),
        ("東京都に行く2024年", ["東", "京", "都", "に", "行", "く", "2024", "年"]),
        ("한국어", ["한", "국", "어"]),
        ("ガイド ｶﾞｲﾄﾞ", ["ガ", "イ", "ド", "ガ", "イ", "ド"]),
        ("e-mail: a@b.example", ["e", "mail", "a", "b", "example"]),
        ("", []),
        ("…—!?", []),
        ("x" * 100, ["x" * 64]),
    ],
)
def test_text_is_cut_into_words_without_case_and_accents(text: str, words: list[str]) -> None:
    assert words_of(text) == words


@pytest.mark.parametrize(
    ("text", "needles"),
    [
        ("new y", [Needle(("new",)), Needle(("y",), prefix=True)]),
        ("new york ", [Needle(("new",)), Needle(("york",))]),
        ("東京 tower", [Needle(("東", "京")), Needle(("tower",), prefix=True)]),
        ("東京都", [Needle(("東", "京", "都"))]),
        ("a A á", [Needle(("a",)), Needle(("a",), prefix=True)]),
        ("?!", []),
    ],
)
def test_a_search_asks_for_each_word_and_for_the_beginning_of_the_last(
    text: str, needles: list[Needle]
) -> None:
    assert list(parse_search(text)) == needles


def test_of_many_words_the_first_and_the_last_count() -> None:
    needles = parse_search(" ".join(f"w{number}" for number in range(40)))
    assert len(needles) == 16
    assert (needles[0].words, needles[-1]) == (("w0",), Needle(("w39",), prefix=True))


@given(st.text())
def test_any_text_is_cut_and_highlighted(text: str) -> None:
    assert all(word == word.strip() and word for word in words_of(text))
    assert "<mark>" not in highlight(text, "")
    highlight(text, text, length=10)


def test_highlights_are_escaped_html_of_the_text_as_it_is() -> None:
    assert highlight("Crème <b>brûlée</b>!", "creme bru") == (
        "<mark>Crème</mark> &lt;b&gt;<mark>brûlée</mark>&lt;/b&gt;!"
    )
    assert highlight("東京都", "京都") == "東<mark>京都</mark>"
    assert highlight("Straße", "strasse") == "<mark>Straße</mark>"


def test_a_long_text_is_cut_around_the_first_word_found() -> None:
    text = "word " * 100 + "needle " + "word " * 100
    shown = highlight(text, "needle", length=60)
    assert shown.startswith("…word") and "<mark>needle</mark>" in shown and shown.endswith("…")
    assert len(shown) < 90


def test_rare_words_count_more_than_common_ones_and_short_documents_more_than_long_ones() -> None:
    for weights in (weights_of_all(1000, 50_000, (900, 3)), weights_of_found(902, 45_100, (900, 3))):
        common, rare = score((1, 0), 50, weights), score((0, 1), 50, weights)
        assert 0 < common < rare
        assert score((0, 1), 10, weights) > rare > score((0, 1), 500, weights)
        assert score((0, 5), 50, weights) > rare
        assert score((0, 0), 50, weights) == 0


def test_words_count_the_same_where_documents_are_not_looked_at() -> None:
    weights = even_weights(2)
    assert score((1, 0), 50, weights) == score((0, 1), 50, weights) > score((1, 0), 500, weights) > 0
    assert score((1, 1), 50, weights) > score((3, 0), 50, weights)
