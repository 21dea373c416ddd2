"""What each kind of rule means for what an application does: errors, owners that are filled in, memberships."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from teamwork import board
from teamwork.schema import Note

from syncline import ForbiddenError, Id, NotFoundError, PaginationOptions, UnauthenticatedError
from syncline.kernel.errors import CursorError
from syncline.testing import Backend

PAGE = PaginationOptions(num_items=2, cursor=None)


# owned_by


def test_an_owner_that_is_left_out_is_filled_in(backend: Backend) -> None:
    ann = backend.signed_in("ann")
    id = ann.mutation(board.add, text="hers")
    [note] = ann.query(board.notes)
    assert (note.id, note.user_id) == (id, "ann")
    ann.mutation(board.add, text="hers too", user_id="ann")
    assert len(ann.query(board.notes)) == 2


def test_nobody_inserts_for_somebody_else(backend: Backend) -> None:
    with pytest.raises(ForbiddenError, match="notes: `user_id` must be the caller"):
        backend.signed_in("ann").mutation(board.add, text="x", user_id="bob")
    with pytest.raises(UnauthenticatedError, match="sign in"):
        backend.mutation(board.add, text="x")


def test_the_owner_cannot_be_changed(backend: Backend) -> None:
    ann = backend.signed_in("ann")
    id = ann.mutation(board.add, text="hers")
    for new in ("bob", ""):
        with pytest.raises(
            ForbiddenError, match="`user_id` says whose the document is, and cannot be changed"
        ):
            ann.mutation(board.give_away, id=id, user_id=new)
    ann.mutation(board.give_away, id=id, user_id="ann")
    ann.mutation(board.rewrite, id=id, text="new")
    [note] = ann.query(board.notes)
    assert (note.text, note.user_id) == ("new", "ann")


def test_a_hidden_row_looks_like_one_that_was_deleted(backend: Backend) -> None:
    ann, bob = backend.signed_in("ann"), backend.signed_in("bob")
    hidden = ann.mutation(board.add, text="hers")
    deleted = bob.mutation(board.add, text="his")
    bob.mutation(board.remove, id=deleted)
    attempts: list[Callable[[Id[Note]], None]] = [
        lambda id: bob.mutation(board.remove, id=id),
        lambda id: bob.mutation(board.rename, id=id, text="x"),
        lambda id: bob.mutation(board.rewrite, id=id, text="x"),
        lambda id: bob.mutation(board.give_away, id=id, user_id="bob"),
    ]
    for attempt in attempts:
        texts: list[str] = []
        for id in (hidden, deleted):
            with pytest.raises(NotFoundError) as caught:
                attempt(id)
            texts.append(str(caught.value).replace(id, "ID"))
        assert texts[0] == texts[1]
    assert bob.query(board.note, id=hidden) is bob.query(board.note, id=deleted) is None


def test_rows_without_an_owner_are_nobodys(backend: Backend) -> None:
    backend.mutation(board.add_inside, text="old")
    assert backend.signed_in("").query(board.notes) == []
    assert backend.query(board.notes) == []


def test_subjects_are_compared_whole(backend: Backend) -> None:
    """One that begins with another, and a character that keys escape, is somebody else."""
    backend.signed_in("ann\0").mutation(board.add, text="another")
    assert backend.signed_in("ann").query(board.notes) == []
    [note] = backend.signed_in("ann\0").query(board.notes)
    assert note.text == "another"


# members


def test_a_membership_opens_and_closes_a_list_that_is_watched(backend: Backend) -> None:
    ann, bob = backend.signed_in("ann"), backend.signed_in("bob")
    team = backend.mutation(board.new_team, name="red", users=["ann"])
    ann.mutation(board.add_task, team=team, title="paint")
    with bob.subscribe(board.tasks) as mine, bob.subscribe(board.tasks_of, team=team) as ours:
        assert mine.next() == ours.next() == []
        backend.mutation(board.join, team=team, user="bob")
        assert mine.next() == ours.next() == ["paint"]
        ann.mutation(board.add_task, team=team, title="polish")
        assert mine.next() == ours.next() == ["paint", "polish"]
        backend.mutation(board.leave, team=team, user="bob")
        assert mine.next() == ours.next() == []
        ann.mutation(board.add_task, team=team, title="rest")
        assert mine.count == ours.count == 4


def test_a_membership_counts_in_the_transaction_that_makes_it(backend: Backend) -> None:
    assert backend.signed_in("ann").mutation(board.found_a_team, name="red") == ["welcome to red"]


def test_a_membership_that_is_undone_never_was(backend: Backend) -> None:
    ann = backend.signed_in("ann")
    team = backend.mutation(board.new_team, name="red", users=["ann"])
    ann.mutation(board.add_task, team=team, title="paint")
    assert backend.signed_in("bob").mutation(board.tasks_after_a_failed_join, team=team) == []


def test_rows_are_put_into_ones_own_teams_only(backend: Backend) -> None:
    ann, bob = backend.signed_in("ann"), backend.signed_in("bob")
    red = backend.mutation(board.new_team, name="red", users=["ann"])
    blue = backend.mutation(board.new_team, name="blue", users=["bob"])
    with pytest.raises(ForbiddenError, match="tasks: `team` must name groups that the caller is a member of"):
        ann.mutation(board.add_task, team=blue, title="x")
    with pytest.raises(ForbiddenError):
        ann.mutation(board.share, title="x", teams=[red, blue])
    with pytest.raises(ForbiddenError):
        ann.mutation(board.share, title="x", teams=[])
    id = ann.mutation(board.share, title="x", teams=[red])
    with pytest.raises(ForbiddenError):
        ann.mutation(board.reshare, id=id, teams=[red, blue])
    with pytest.raises(ForbiddenError):
        ann.mutation(board.reshare, id=id, teams=[])
    with pytest.raises(NotFoundError):
        bob.mutation(board.reshare, id=id, teams=[blue])


def test_a_row_of_several_teams_is_listed_once(backend: Backend) -> None:
    bob = backend.signed_in("bob")
    red = backend.mutation(board.new_team, name="red", users=["bob"])
    blue = backend.mutation(board.new_team, name="blue", users=["bob"])
    bob.mutation(board.share, title="both", teams=[red, blue])
    assert bob.query(board.shared) == ["both"]
    backend.mutation(board.leave, team=red, user="bob")
    assert bob.query(board.shared) == ["both"]


def test_members_add_up_the_rows_of_their_teams(backend: Backend) -> None:
    ann, bob = backend.signed_in("ann"), backend.signed_in("bob")
    red = backend.mutation(board.new_team, name="red", users=["ann"])
    blue = backend.mutation(board.new_team, name="blue", users=["ann", "bob"])
    ann.mutation(board.add_task, team=red, title="paint", rank=2)
    ann.mutation(board.add_task, team=blue, title="polish", rank=3)
    assert ann.query(board.ranks) == {red: 2, blue: 3}
    assert (ann.query(board.ranks_of, team=red), bob.query(board.ranks_of, team=red)) == (2, 0)
    assert backend.query(board.ranks) == {}
    with bob.subscribe(board.ranks) as updates:
        assert updates.next() == {blue: 3}
        bob.mutation(board.add_task, team=blue, title="shine", rank=4)
        assert updates.next() == {blue: 7}
        ann.mutation(board.add_task, team=red, title="rest", rank=9)
        assert updates.count == 2
        backend.mutation(board.join, team=red, user="bob")
        assert updates.next() == {red: 11, blue: 7}


# Rules


def test_predicates_decide(backend: Backend) -> None:
    ann, bob = backend.signed_in("ann"), backend.signed_in("bob")
    draft = ann.mutation(board.draft, title="draft", author="ann")
    public = ann.mutation(board.draft, title="out", author="ann", published=True)
    assert ann.query(board.posts) == ["draft", "out"]
    assert bob.query(board.posts) == backend.query(board.posts) == ["out"]
    with pytest.raises(ForbiddenError, match="posts: the caller may not insert this document"):
        bob.mutation(board.draft, title="x", author="ann")
    with pytest.raises(ForbiddenError, match="posts: the caller may not change this document so"):
        bob.mutation(board.retitle, id=public, title="x")
    with pytest.raises(NotFoundError):
        bob.mutation(board.retitle, id=draft, title="x")
    with pytest.raises(ForbiddenError, match="posts: the caller may not delete this document"):
        ann.mutation(board.remove_post, id=draft)
    ann.mutation(board.retitle, id=draft, title="better")
    assert ann.query(board.posts) == ["better", "out"]


# Cursors and caches


def test_a_cursor_is_of_use_to_its_owner_only_and_tells_nothing(backend: Backend) -> None:
    ann, bob = backend.signed_in("ann"), backend.signed_in("bob")
    for number in range(5):
        ann.mutation(board.add, text=f"secret-{number}", rank=number)
    first = ann.query(board.note_page, paginationOpts=PAGE)
    assert [note.text for note in first.items] == ["secret-4", "secret-3"]
    again = PaginationOptions(num_items=2, cursor=first.cursor)
    assert [note.text for note in ann.query(board.note_page, paginationOpts=again).items] == [
        "secret-2",
        "secret-1",
    ]
    with pytest.raises(CursorError):
        bob.query(board.note_page, paginationOpts=again)
    with pytest.raises(CursorError):
        backend.query(board.note_page, paginationOpts=again)


def test_pages_of_a_member_go_on_while_memberships_change(backend: Backend) -> None:
    ann = backend.signed_in("ann")
    red = backend.mutation(board.new_team, name="red", users=["ann"])
    blue = backend.mutation(board.new_team, name="blue", users=["ann"])
    for number in range(3):
        ann.mutation(board.add_task, team=red, title=f"red {number}")
        ann.mutation(board.add_task, team=blue, title=f"blue {number}")
    first = ann.query(board.task_page, paginationOpts=PAGE)
    assert first.items == ["red 0", "blue 0"]
    backend.mutation(board.leave, team=blue, user="ann")
    rest = ann.query(board.task_page, paginationOpts=PaginationOptions(num_items=5, cursor=first.cursor))
    assert rest.items == ["red 1", "red 2"]


def test_a_result_is_shared_only_if_it_is_everybodys(backend: Backend) -> None:
    ann, bob = backend.signed_in("ann"), backend.signed_in("bob")
    ann.mutation(board.add, text="hers")
    with (
        bob.subscribe(board.notes) as his,
        ann.subscribe(board.notes) as hers,
        backend.subscribe(board.notes) as none,
    ):
        assert ([n.text for n in his.latest], [n.text for n in hers.latest], none.latest) == (
            [],
            ["hers"],
            [],
        )
        bob.mutation(board.add, text="his")
        assert ([n.text for n in his.latest], [n.text for n in hers.latest], none.latest) == (
            ["his"],
            ["hers"],
            [],
        )
        assert hers.count == 1


def test_ids_are_normalized_whoever_may_see_the_document(backend: Backend) -> None:
    id = backend.signed_in("ann").mutation(board.add, text="hers")
    assert backend.query(board.normal, text=id) == id
    assert backend.query(board.normal, text="nonsense") is None
    assert isinstance(id, str) and Id[Note](id) == id
