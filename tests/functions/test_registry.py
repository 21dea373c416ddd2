"""Finding functions by path, kind and caller."""

from __future__ import annotations

import pytest

from syncline.functions import Kind, MutationCtx, QueryCtx, Registry, mutation, query
from syncline.kernel.errors import FunctionNotFoundError, SetupError
from syncline.kernel.identity import ANONYMOUS, Caller


@query
def show(ctx: QueryCtx) -> str:
    return ""


@query(name="default")
def main(ctx: QueryCtx) -> str:
    return ""


@mutation(internal=True)
def sweep(ctx: MutationCtx) -> None: ...


@pytest.fixture
def registry() -> Registry:
    return Registry.of(show, main, sweep, module="admin/notes")


def test_a_function_is_found_by_module_and_name(registry: Registry) -> None:
    found = registry.find("admin/notes:show", Kind.QUERY, ANONYMOUS)
    assert (found.path, found.kind, found.internal, found.fn) == (
        "admin/notes:show",
        Kind.QUERY,
        False,
        show.fn,
    )
    assert registry.find("admin/notes:show", None) is found
    assert len(registry) == 3
    assert registry.get("admin/notes:nothing") is None


def test_missing_and_internal_functions_look_the_same(registry: Registry) -> None:
    for path in ("admin/notes:nothing", "admin/notes:sweep"):
        with pytest.raises(FunctionNotFoundError) as raised:
            registry.find(path, Kind.QUERY, ANONYMOUS)
        assert str(raised.value) == f"Could not find public function for '{path}'."


def test_the_default_function_of_a_module_is_named_by_the_module(registry: Registry) -> None:
    assert registry.find("admin/notes:default", Kind.QUERY).fn is main.fn
    with pytest.raises(FunctionNotFoundError, match=r"^Could not find public function for 'other'\.$"):
        registry.find("other:default", Kind.QUERY)


def test_a_call_as_any_kind_that_finds_nothing_says_what_may_be_missing(registry: Registry) -> None:
    with pytest.raises(FunctionNotFoundError) as raised:
        registry.find("notes:show", None)
    assert (
        str(raised.value) == "Could not find function for 'notes:show'. Did you forget to run `syncline dev`?"
    )


def test_a_call_as_the_wrong_kind_names_both(registry: Registry) -> None:
    with pytest.raises(FunctionNotFoundError) as raised:
        registry.find("admin/notes:show", Kind.MUTATION)
    assert str(raised.value) == (
        "Trying to execute admin/notes.js:show as Mutation, but it is defined as Query."
    )


@pytest.mark.parametrize("caller", [Caller(admin=True), Caller(backend=True)])
def test_administrators_and_the_backend_itself_reach_internal_functions(
    registry: Registry, caller: Caller
) -> None:
    assert registry.find("admin/notes:sweep", Kind.MUTATION, caller).internal


def test_two_functions_of_one_path_are_refused_with_both_places() -> None:
    def declare() -> object:
        @query(name="show")
        def show_again(ctx: QueryCtx) -> str:
            return ""

        return Registry.of(show, show_again, module="clash")

    with pytest.raises(SetupError) as raised:
        declare()
    text = str(raised.value)
    assert text.startswith("two functions are called clash:show:\n")
    assert f"test_registry.py:{show.line}  show\n" in text
    assert "show_again" in text
    assert text.endswith('help: give one of them another name on the wire: @query(name="...")')


def test_a_mistyped_path_is_told_the_nearest_one() -> None:
    @query
    def messages(ctx: QueryCtx) -> int:
        return 1

    registry = Registry.of(messages, module="notes")
    with pytest.raises(FunctionNotFoundError, match=r"'notes:mesages'\. Did you mean 'notes:messages'\?"):
        registry.find("notes:mesages", None, Caller(admin=True))
