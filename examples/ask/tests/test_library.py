"""Documents are found by words and by meaning, and answers stay live."""

import pytest
from backend import library

from syncline import AppError
from syncline.testing import Backend

GARDEN = "Tomatoes need sun and water. Plant them after the last frost.\n\nApple trees are pruned in winter."
CARS = "The engine turns the wheels. Runners of the old school repaired everything themselves."


def test_passages_are_found_by_their_words(backend: Backend) -> None:
    backend.mutation(library.add, name="garden", text=GARDEN)
    backend.mutation(library.add, name="cars", text=CARS)
    best = backend.query(library.ask, question="when are apple trees pruned", limit=1)
    assert [(answer["source"], answer["place"]) for answer in best] == [("garden", 2)]
    assert "<mark>Apple</mark> <mark>trees</mark>" in best[0]["html"]


def test_a_word_in_another_form_is_found_by_its_meaning(backend: Backend) -> None:
    backend.mutation(library.add, name="garden", text=GARDEN)
    backend.mutation(library.add, name="cars", text=CARS)
    best = backend.query(library.ask, question="running repairs", limit=1)
    assert best[0]["source"] == "cars"


def test_answers_change_as_documents_come_and_go(backend: Backend) -> None:
    with backend.subscribe(library.ask, question="frost") as answers:
        assert answers.latest == []
        source = backend.mutation(library.add, name="garden", text=GARDEN)
        assert answers.latest[0]["place"] == 1
        backend.mutation(library.remove, source=source)
        assert answers.latest == []
    assert backend.query(library.list_sources) == []


def test_a_document_without_text_is_refused(backend: Backend) -> None:
    with pytest.raises(AppError, match="holds no text"):
        backend.mutation(library.add, name="blank.txt", text=" \n ")


def test_long_texts_are_split_between_sentences() -> None:
    passages = library.split("One sentence of some length. " * 100)
    assert len(passages) > 3 and all(passage.endswith(".") and len(passage) <= 620 for passage in passages)
