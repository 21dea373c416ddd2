"""Names of functions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncline.kernel.errors import quoted
from syncline.protocol import PathError, ProtocolError, display_path, file_path, parse_path


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("messages:list", "messages:list"),
        ("messages.js:list", "messages:list"),
        ("admin/users:ban", "admin/users:ban"),
        ("admin/users.js:ban", "admin/users:ban"),
        ("mod", "mod:default"),
        ("mod.js", "mod:default"),
        ("mod:default", "mod:default"),
        ("_system/cli/tables:default", "_system/cli/tables:default"),
        ("a.b/c:_x1", "a.b/c:_x1"),
        ("v2.old.js:fn", "v2.old.js:fn"),
        ("m" * 64 + ":" + "f" * 64, "m" * 64 + ":" + "f" * 64),
    ],
)
def test_one_function_has_one_canonical_path(text: str, canonical: str) -> None:
    assert parse_path(text) == canonical
    assert parse_path(canonical) == canonical
    assert parse_path(file_path(canonical)) == canonical


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "'' is not a module name of at most 64 letters, digits and _"),
        (":list", "'' is not a module name of at most 64 letters, digits and _"),
        ("/messages:list", "'' is not a module name of at most 64 letters, digits and _"),
        ("a//b:list", "'' is not a module name of at most 64 letters, digits and _"),
        ("../a:list", "'..' is not a module name of at most 64 letters, digits and _"),
        ("___:list", "'___' is not a module name of at most 64 letters, digits and _"),
        ("my-module:list", "'my-module' is not a module name of at most 64 letters, digits and _"),
        ("é:list", "'é' is not a module name of at most 64 letters, digits and _"),
        ("a\n:list", "'a\\n' is not a module name of at most 64 letters, digits and _"),
        ("a:b:c", "'a:b' is not a module name of at most 64 letters, digits and _"),
        ("m" * 65, f"'{'m' * 60}…' is not a module name of at most 64 letters, digits and _"),
        ("a:", "'' is not an identifier of at most 64 letters, digits and _"),
        ("a:1b", "'1b' is not an identifier of at most 64 letters, digits and _"),
        ("a:__", "'__' is not an identifier of at most 64 letters, digits and _"),
        ("a:b c", "'b c' is not an identifier of at most 64 letters, digits and _"),
        ("a:b\n", "'b\\n' is not an identifier of at most 64 letters, digits and _"),
        ("messages.ts:list", "a module has the extension .js or none"),
        ("a.js.ts:list", "a module has the extension .js or none"),
        (".js:list", "a module has the extension .js or none"),
        ("a.:list", "a module has the extension .js or none"),
    ],
)
def test_what_is_no_path_is_refused_with_its_reason(text: str, reason: str) -> None:
    with pytest.raises(PathError) as refused:
        parse_path(text)

    assert str(refused.value) == (
        f"{quoted(text)} is not a function path: {reason}. Write it as 'module:function' or 'folder/module:function'."
    )
    assert isinstance(refused.value, ProtocolError)
    assert refused.value.code == "BadConvexFunctionIdentifier"


def test_a_long_text_is_cut_in_its_refusal() -> None:
    with pytest.raises(PathError) as refused:
        parse_path("é" * 10_000)

    assert len(str(refused.value)) < 500


@given(st.one_of(st.text(max_size=20), st.text("ab_1./:js", max_size=20)))
def test_any_text_has_a_canonical_path_or_is_refused(text: str) -> None:
    try:
        canonical = parse_path(text)
    except PathError:
        return
    assert parse_path(canonical) == canonical
    assert parse_path(file_path(canonical)) == canonical
    assert parse_path(display_path(canonical)) == canonical


def test_people_and_the_protocol_see_other_forms() -> None:
    assert display_path("messages:list") == "messages:list"
    assert display_path("mod:default") == "mod"
    assert file_path("admin/users:ban") == "admin/users.js:ban"
