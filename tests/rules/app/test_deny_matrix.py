"""Everybody tries everything with every row of every table that has a rule."""

from __future__ import annotations

import re

import pytest
from teamwork import board

from syncline.testing import Backend, User, deny_matrix

People = dict[str, User]


@pytest.fixture
def people(backend: Backend) -> People:
    """Ann and Bob are in one team, Bob and Cat in another, Dan in none."""
    signed_in = {name: backend.signed_in(name) for name in ("ann", "bob", "cat", "dan")}
    ann, bob = signed_in["ann"], signed_in["bob"]
    red = backend.mutation(board.new_team, name="red", users=["ann", "bob"])
    blue = backend.mutation(board.new_team, name="blue", users=["bob", "cat"])
    backend.mutation(board.new_project, name="apollo", users=["ann"])
    backend.mutation(board.new_secret, text="hush")
    for user in (ann, bob):
        user.mutation(board.add, text="mine")
        user.mutation(board.publish, title="for all")
    ann.mutation(board.add_task, team=red, title="paint")
    bob.mutation(board.add_task, team=blue, title="polish")
    bob.mutation(board.share, title="both", teams=[red, blue])
    ann.mutation(board.share, title="one", teams=[red])
    ann.mutation(board.draft, title="draft", author="ann")
    ann.mutation(board.draft, title="out", author="ann", published=True)
    return {"nobody": backend, **signed_in}


def test_everybody_may_do_what_the_rules_say_and_nothing_else(backend: Backend, people: People) -> None:
    matrix = deny_matrix(backend, people)
    unbound = {"admin", "internal function"}
    assert matrix.allowed("notes", "list") == {"ann", "bob", "admin as ann", "admin as bob"} | unbound
    assert matrix.allowed("secrets", "get") == unbound
    assert matrix.allowed("secrets", "insert") == unbound
    assert matrix.allowed("articles", "subscribe") >= {"nobody", "dan"}
    assert matrix.allowed("articles", "delete") == matrix.allowed("notes", "delete")
    assert matrix.allowed("projects", "get") == {"ann", "admin as ann"} | unbound
    assert "nobody" in matrix.allowed("posts", "get")
    assert matrix.allowed("posts", "patch") == {"ann", "admin as ann"} | unbound
    assert matrix.allowed("posts", "delete") == unbound
    tables = {cell.table for cell in matrix.cells}
    assert tables == {
        "memberships",
        "notes",
        "articles",
        "posts",
        "projects",
        "seats",
        "secrets",
        "shared",
        "tasks",
    }


def test_the_matrix_can_be_read(backend: Backend, people: People) -> None:
    text = str(deny_matrix(backend, {"nobody": backend, "bob": people["bob"]}))
    head = r"table +row +caller +get +list +count +paginate +subscribe +insert +patch +replace +delete"
    assert re.match(head, text)
    hidden = "not found +" * 5
    assert re.search(rf"notes +\w+ +nobody +{hidden}unauthenticated +not found +not found +not found", text)


def test_nothing_is_written(backend: Backend, people: People) -> None:
    before = people["ann"].query(board.notes)
    deny_matrix(backend, people)
    assert people["ann"].query(board.notes) == before


def test_a_table_without_rows_proves_nothing(backend: Backend) -> None:
    with pytest.raises(AssertionError, match="needs a row in articles: insert one"):
        deny_matrix(backend, {"nobody": backend})
