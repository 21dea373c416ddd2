"""From a folder to a release: which modules and functions, under which names."""

from __future__ import annotations

import logging
import sys
import time
from pathlib import Path

import pytest

from support.applications import Functions, loaded, write_application
from syncline.functions import Kind, load_application
from syncline.kernel.errors import SetupError
from syncline.kernel.identity import Caller

MESSAGES = """
    from backend import schema
    from syncline.functions import MutationCtx, QueryCtx, mutation, query

    from .schema import Message

    assert schema.Message is Message


    @query(name="list")
    def list_messages(ctx: QueryCtx, channel: str) -> list[Message]:
        return ctx.db.query(Message).where(channel=channel).all()


    @mutation
    def send(ctx: MutationCtx, channel: str, body: str) -> None:
        ctx.db.insert(Message(channel=channel, body=body))
"""
SCHEMA = """
    from syncline.schema import Document, Index


    class Message(Document):
        channel: str
        body: str

        by_channel = Index("channel")
"""
USERS = """
    from syncline.functions import MutationCtx, mutation
    from ..messages import send


    @mutation(internal=True)
    def ban(ctx: MutationCtx, name: str) -> None:
        ctx.run(send, channel="admin", body=f"banned {name}")
"""


def test_functions_are_named_by_their_module_and_tables_found(tmp_path: Path) -> None:
    with loaded(tmp_path, messages=MESSAGES, schema=SCHEMA, admin__users=USERS) as release:
        assert sorted(release.registry.definitions) == ["admin/users:ban", "messages:list", "messages:send"]
        assert [spec.name for spec in release.schema] == ["messages"]
        assert [file.name for file in release.files] == ["users.py", "messages.py", "schema.py"]
        assert release.app is None
        app = Functions(release.registry, release.schema)
        app.value("messages:send", channel="general", body="hi")
        app.value("admin/users:ban", Caller(admin=True), name="Bob")
        assert [message["body"] for message in app.value("messages:list", channel="general")] == ["hi"]
        assert [message["body"] for message in app.value("messages:list", channel="admin")] == ["banned Bob"]
        app.close()


def test_a_package_may_have_an_init_file_and_an_app(tmp_path: Path) -> None:
    modules = {
        "__init__": "NAME = 'chat'",
        "app": "from syncline.functions import App\nfrom . import NAME\napp = App()",
        "admin____init__": "from syncline.functions import QueryCtx, query\n\n@query\ndef who(ctx: QueryCtx) -> str:\n    return ''",
    }
    with loaded(tmp_path, **modules) as release:
        assert release.app is not None
        assert list(release.registry.definitions) == ["admin:who"]


def test_the_package_can_be_imported_by_tests_of_the_application(tmp_path: Path) -> None:
    with loaded(tmp_path, messages=MESSAGES, schema=SCHEMA) as release:
        __import__("backend.messages")
        module = sys.modules["backend.messages"]
        assert module.send is release.registry.definitions["messages:send"].function
    assert "backend.messages" not in sys.modules
    with pytest.raises(ModuleNotFoundError):
        __import__("backend.messages")


def test_tests_private_modules_and_other_folders_are_not_loaded(tmp_path: Path) -> None:
    broken = "raise RuntimeError('loaded')"
    names = (
        "_draft",
        "test_messages",
        "conftest",
        "tests__helper",
        "node_modules__x",
        "_generated__api",
        "web-ui__x",
    )
    with loaded(tmp_path, messages=MESSAGES, schema=SCHEMA, **dict.fromkeys(names, broken)) as release:
        assert len(release.registry) == 2


def test_functions_of_other_packages_are_not_exposed(tmp_path: Path) -> None:
    library = tmp_path / "site" / "library_of_test.py"
    library.parent.mkdir()
    library.write_text(
        "from syncline.functions import QueryCtx, query\n\n@query\ndef spy(ctx: QueryCtx) -> str:\n    return ''\n"
    )
    sys.path.insert(0, str(library.parent))
    try:
        with loaded(tmp_path, notes="from library_of_test import spy") as release:
            assert len(release.registry) == 0
    finally:
        sys.path.remove(str(library.parent))
        sys.modules.pop("library_of_test", None)


def test_forward_references_in_signatures_are_found_in_their_module(tmp_path: Path) -> None:
    source = """
        from __future__ import annotations

        from typing import TypedDict

        from syncline.functions import QueryCtx, query


        @query
        def read(ctx: QueryCtx, place: Place) -> Place:
            return place


        class Place(TypedDict):
            name: str
    """
    with loaded(tmp_path, places=source) as release:
        app = Functions(release.registry)
        assert app.value("places:read", place={"name": "home"}) == {"name": "home"}
        app.close()


def test_loggers_of_the_application_let_info_lines_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As it is without pytest's own handlers.
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    source = """
        import logging

        from syncline.functions import QueryCtx, query


        @query
        def speak(ctx: QueryCtx) -> None:
            logging.getLogger(__name__).info("hello")
    """
    try:
        with loaded(tmp_path, words=source) as release:
            app = Functions(release.registry)
            outcome = app.call("words:speak")
            assert outcome.lines == ("[INFO] 'hello'",)
            app.close()
    finally:
        logging.getLogger("backend").setLevel(logging.NOTSET)


# Several releases


def counting(number: int) -> str:
    return f"""
        from syncline.functions import QueryCtx, query

        from .numbers import NUMBER


        @query
        def read(ctx: QueryCtx) -> list[int]:
            from . import numbers
            from .late import LATE

            return [NUMBER, numbers.NUMBER, LATE, {number}]
    """


def test_a_new_release_sees_changes_of_the_same_size_in_the_same_second(tmp_path: Path) -> None:
    with loaded(tmp_path, counter=counting(1), numbers="NUMBER = 1", late="LATE = 1") as first:
        seen = [Functions(first.registry).value("counter:read")]
        for number in (2, 3):
            write_application(
                tmp_path, counter=counting(number), numbers=f"NUMBER = {number}", late=f"LATE = {number}"
            )
            release = load_application(tmp_path / "backend")
            seen.append(Functions(release.registry).value("counter:read"))
            release.modules.close()
    assert seen == [[1, 1, 1, 1], [2, 2, 2, 2], [3, 3, 3, 3]]


def test_two_releases_serve_side_by_side_each_with_its_own_modules(tmp_path: Path) -> None:
    late = {"late": "LATE = 1"}
    backend = write_application(tmp_path, counter=counting(1), numbers="NUMBER = 1", **late)
    # Imported inside the function only, so not before it runs.
    (backend / "late.py").rename(backend / "_late.py")
    source = (backend / "counter.py").read_text().replace(".late", "._late")
    (backend / "counter.py").write_text(source)
    first = load_application(backend)
    (backend / "counter.py").write_text(source.replace("1]", "2]"))
    (backend / "numbers.py").write_text("NUMBER = 2")
    second = load_application(backend, activate=False)
    try:
        assert sys.modules["backend.numbers"].NUMBER == 1, "the older one is in force until the switch"
        assert Functions(second.registry).value("counter:read") == [2, 2, 1, 2]
        assert sys.modules["backend.numbers"].NUMBER == 1
        second.activate()
        assert sys.modules["backend.numbers"].NUMBER == 2
        (backend / "_late.py").write_text("LATE = 7")
        # The older release imports a module for the first time while the newer one is in force.
        assert Functions(first.registry).value("counter:read") == [1, 1, 7, 1]
        assert sys.modules["backend.numbers"].NUMBER == 2
        assert first.modules.modules["backend._late"] is not second.modules.modules["backend._late"]
    finally:
        second.modules.close()


def test_document_classes_of_two_releases_are_different_classes(tmp_path: Path) -> None:
    backend = write_application(tmp_path, messages=MESSAGES, schema=SCHEMA)
    first = load_application(backend)
    second = load_application(backend)
    try:
        assert first.schema[0].cls is not second.schema[0].cls
        for release in (first, second):
            app = Functions(release.registry, release.schema)
            app.value("messages:send", channel="a", body="b")
            assert len(app.value("messages:list", channel="a")) == 1
            app.close()
    finally:
        second.modules.close()


def test_a_release_that_does_not_load_leaves_the_older_one_in_place(tmp_path: Path) -> None:
    with loaded(tmp_path, counter=counting(1), numbers="NUMBER = 1", late="LATE = 1") as release:
        before = {name: module for name, module in sys.modules.items() if name.startswith("backend")}
        (tmp_path / "backend" / "numbers.py").write_text("NUMBER = ")
        with pytest.raises(SetupError):
            load_application(tmp_path / "backend")
        after = {name: module for name, module in sys.modules.items() if name.startswith("backend")}
        assert before == after
        assert Functions(release.registry).value("counter:read") == [1, 1, 1, 1]


def test_modules_of_the_application_only_are_imported_again(tmp_path: Path) -> None:
    with loaded(tmp_path, notes="import json, colorsys\nMODULES = (json, colorsys)") as first:
        second = load_application(tmp_path / "backend")
        assert (
            first.modules.modules["backend.notes"].MODULES == second.modules.modules["backend.notes"].MODULES
        )
        second.modules.close()


def test_loading_writes_no_files(tmp_path: Path) -> None:
    with loaded(tmp_path, messages=MESSAGES, schema=SCHEMA):
        assert sorted(path.name for path in (tmp_path / "backend").rglob("*")) == ["messages.py", "schema.py"]


def test_kinds_are_kept(tmp_path: Path) -> None:
    with loaded(tmp_path, messages=MESSAGES, schema=SCHEMA) as release:
        kinds = {definition.path: definition.kind for definition in release.registry}
    assert kinds == {"messages:list": Kind.QUERY, "messages:send": Kind.MUTATION}
    assert time.time() > 0


PASSWORD = "from syncline import App\nfrom syncline.auth import Password\n"


@pytest.mark.parametrize(
    ("sources", "what"),
    [
        ({"main": PASSWORD + "app = App(auth=[Password()])"}, "`app` in backend/main.py"),
        ({"app": PASSWORD + "application = App(auth=[Password()])"}, "`application` in backend/app.py"),
        (
            {"app": PASSWORD + "app = App()", "other": PASSWORD + "app = App(auth=[Password()])"},
            "`app` in backend/other.py",
        ),
        ({"main": PASSWORD + "def make(): App(auth=[Password()])\nmake()"}, "what App(...) made"),
    ],
)
def test_an_app_that_nothing_would_use_is_refused_since_its_sign_in_would_not_hold(
    tmp_path: Path, sources: dict[str, str], what: str
) -> None:
    with pytest.raises(SetupError) as refusal:
        load_application(write_application(tmp_path, messages=MESSAGES, schema=SCHEMA, **sources))
    assert str(refusal.value) == (
        f"{what} is an App that nothing would use, so that nobody would have to sign in\n"
        "  help: an application has one App: name it `app` in backend/app.py"
    )


def test_an_app_may_be_imported_by_other_modules(tmp_path: Path) -> None:
    with loaded(
        tmp_path, app=PASSWORD + "app = App(auth=[Password()])", other="from backend.app import app as mine"
    ) as release:
        assert release.app is not None and release.app.auth


def test_documents_of_syncline_that_a_module_imports_are_no_tables_of_the_application(tmp_path: Path) -> None:
    imports = "from syncline import ScheduledJob, StoredFile, UserProfile"
    with loaded(tmp_path, schema=SCHEMA, files=imports) as release:
        assert [spec.name for spec in release.schema] == ["messages"]
