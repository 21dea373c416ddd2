"""examples/todo in Chromium: people sign up, in and out, and cannot see each other's rows by any way."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from support.accessibility import Axe
from support.browser import Windows
from support.sockets import SyncSocket
from support.todo import EXAMPLE, Person, TodoServer, call

pytestmark = pytest.mark.browser


def person(todo: TodoServer, windows: Windows, name: str, **options: Any) -> Person:
    return Person(todo, windows.open(todo.site, **options), f"{name}@example.com")


def test_two_people_cannot_see_each_others_rows_by_any_way(todo: TodoServer, windows: Windows) -> None:
    ada, eve = person(todo, windows, "ada"), person(todo, windows, "eve", dark=True, size=(380, 760))
    for each in (ada, eve):
        expect(each.page.get_by_role("button", name="Create an account")).to_be_visible()
    ada.window.picture("todo-welcome")
    ada.sign_up()
    eve.sign_up()
    ada.add("buy milk")
    ada.add("call Grace")
    eve.add("rob a bank")

    # in the page, also after coming back
    for each, own in ((ada, ["call Grace", "buy milk"]), (eve, ["rob a bank"])):
        expect(each.page.get_by_role("listitem")).to_have_text([f"{text}×" for text in own])
        each.page.reload()
        expect(each.page.get_by_role("listitem")).to_have_text([f"{text}×" for text in own])
    ada.window.picture("todo-light")
    eve.window.picture("todo-phone-dark")

    # by HTTP, and by guessing ids
    mine = call(todo, "query", "todos:list", ada.token())["value"]
    assert [each["text"] for each in mine] == ["call Grace", "buy milk"]
    theirs = call(todo, "query", "todos:list", eve.token())["value"]
    assert [each["text"] for each in theirs] == ["rob a bank"]
    guessed = mine[0]["_id"]
    assert call(todo, "query", "todos:get", eve.token(), id=guessed)["value"] is None
    for path, args in (
        ("todos:check", {"done": True}),
        ("todos:rename", {"text": "mine"}),
        ("todos:remove", {}),
    ):
        answer = call(todo, "mutation", path, eve.token(), id=guessed, **args)
        assert answer["errorData"]["code"] == "not_found", answer
    for kind, path in (("query", "todos:list"), ("mutation", "todos:add")):
        assert call(todo, kind, path, None)["errorData"]["code"] == "unauthenticated"

    # over the socket
    with SyncSocket(todo.port) as socket:
        socket.connect()
        socket.send(type="Authenticate", baseVersion=0, tokenType="User", value=eve.token())
        socket.subscribe(1, "todos:get", id=guessed)
        assert socket.value(1) is None
        socket.mutate(0, "todos:remove", id=guessed)
        refused = socket.response(0)
        assert (refused["success"], refused["errorData"]["code"]) == (False, "not_found"), refused
        socket.subscribe(0, "todos:list")
        assert [each["text"] for each in socket.value(0)] == ["rob a bank"]
        ada.page.get_by_role("checkbox", name="call Grace").check()
        eve.add("hide")
        assert [each["text"] for each in socket.value(0)] == ["hide", "rob a bank"]
    expect(ada.page.get_by_role("status")).to_have_text("1 of 2 open")


def test_signing_out_in_one_tab_signs_out_in_all_and_back_in_again(
    todo: TodoServer, windows: Windows, node_modules: Path
) -> None:
    one = person(todo, windows, "grace")
    one.sign_up()
    one.add("write a compiler")
    two = Person(todo, windows.open(todo.site, context=one.context), one.email)
    two.sees_todos()

    one.page.get_by_role("button", name="Grace").click()
    expect(one.page.get_by_role("link", name="Account")).to_have_attribute(
        "href", "/auth/account?redirect=%2F"
    )
    assert Axe(node_modules / "node_modules").complaints(one.page) == []
    one.window.picture("todo-menu")
    one.page.keyboard.press("Tab")
    expect(one.page.get_by_role("link", name="Account")).to_be_focused()
    one.page.keyboard.press("Escape")
    expect(one.page.get_by_role("link", name="Account")).to_have_count(0)
    expect(one.page.get_by_role("button", name="Grace")).to_be_focused()
    one.page.keyboard.press("Enter")
    one.page.get_by_role("button", name="Sign out").click()
    for each in (one, two):
        expect(each.page.get_by_role("button", name="Sign in")).to_be_visible()
    one.sign_in()
    expect(one.page.get_by_role("listitem")).to_have_text(["write a compiler×"])
    two.page.reload()
    two.sees_todos()
    two.window.excuse("401")  # it may have asked for a token before it heard of the other tab


def test_a_session_that_is_ended_elsewhere_ends_in_the_page_at_once(
    todo: TodoServer, windows: Windows
) -> None:
    here, there = person(todo, windows, "alan"), person(todo, windows, "alan")
    here.sign_up()
    there.sign_in()
    there.add("halt")
    expect(here.page.get_by_role("listitem")).to_have_text(["halt×"])
    answer = there.context.request.post(
        f"{todo.site}/auth/sign-out", data="{}", headers={"content-type": "application/json"}
    )
    assert answer.ok
    expect(there.page.get_by_role("button", name="Sign in")).to_be_visible(timeout=5000)
    here.add("go on")
    there.window.excuse("401")


def test_a_restart_of_the_server_signs_nobody_out(todo: TodoServer, windows: Windows) -> None:
    linus = person(todo, windows, "linus")
    linus.sign_up()
    linus.add("before")
    todo.crash()
    linus.add("after")
    expect(linus.page.get_by_role("listitem")).to_have_text(["after×", "before×"])
    linus.window.problems.clear()  # the browser notes every connection that failed


def test_the_examples_own_tests_pass() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"],
        cwd=EXAMPLE, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
