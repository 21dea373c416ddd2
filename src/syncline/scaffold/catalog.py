"""The templates of `syncline new`, and their files: folders of `syncline/templates`, laid over each other."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

FOLDER = Path(__file__).resolve().parent.parent / "templates"

#: What a template is called in its own files, where it is a runnable application: a new project's name takes its place.
_PLACEHOLDERS = ("my-app", "syncline-chat")
#: Kept under another name, or it would hide files of the repository too.
_RENAMED = {"gitignore": ".gitignore"}
_IMPORT_OF_JS = re.compile(rb'(from "\./\w+)\.js"')
#: What running an application in place leaves behind, besides hidden files.
_LEFT_BEHIND = frozenset({"__pycache__", "node_modules", "dist"})


@dataclass(frozen=True, slots=True)
class Layer:
    """A folder of `syncline/templates`, and where in the project its files go."""

    folder: str
    to: str = "."
    #: TypeScript that was written for Node, which imports `./file.js`; bundlers look for files by their own names.
    for_node: bool = False


@dataclass(frozen=True, slots=True)
class Template:
    """A project to begin with. A file of a later layer replaces that of an earlier one."""

    name: str
    summary: str
    layers: tuple[Layer, ...]
    #: Where the frontend's npm package is; None: it needs no Node.
    npm: str | None = None

    def render(self, project: str) -> Mapping[str, bytes]:
        """The files of a new project of this name: contents by path."""
        files: dict[str, bytes] = {}
        for layer in self.layers:
            for path, content in _files_in(FOLDER / layer.folder):
                target = Path(layer.to) / path.with_name(_RENAMED.get(path.name, path.name))
                if layer.for_node:
                    content = _IMPORT_OF_JS.sub(rb'\1"', content)
                files[target.as_posix()] = _named(content, project)
        return MappingProxyType(dict(sorted(files.items())))


_SHARED = Layer("shared")
#: With the set-up of browser tests from the chat; each template has its own tests.
_TASKS = (_SHARED, Layer("chat/e2e", "e2e"), Layer("tasks"))
#: All but who signs people in.
_NEXTJS = (*_TASKS, Layer("page", "web/app"), Layer("nextjs"))

TEMPLATES: Mapping[str, Template] = MappingProxyType({
    template.name: template
    for template in (
        Template("chat", "a whole chat: channels, history, optimistic sending. No Node", (_SHARED, Layer("chat"))),
        Template(
            "html",
            "a list of tasks, one page of plain HTML and JavaScript. No Node",
            (*_TASKS, Layer("page", "site"), Layer("html")),
        ),
        Template(
            "vite",
            "the list of tasks with React, TypeScript and Vite",
            (*_TASKS, Layer("page", "web/src"), Layer("vite")),
            npm="web",
        ),
        Template(
            "nextjs",
            "the same with Next.js (App Router): sign-in, private pages, server actions",
            (*_NEXTJS, Layer("auth", "web/auth", for_node=True), Layer("nextjs-accounts")),
            npm="web",
        ),
        Template(
            "nextjs-clerk",
            "the same again, and Clerk signs people in",
            (*_NEXTJS, Layer("nextjs-clerk")),
            npm="web",
        ),
    )
})  # fmt: skip


def _files_in(folder: Path) -> Iterator[tuple[Path, bytes]]:
    for place in sorted(folder.iterdir()):
        if place.name in _LEFT_BEHIND or place.name.startswith("."):
            continue
        if place.is_dir():
            yield from ((Path(place.name) / path, content) for path, content in _files_in(place))
        else:
            yield Path(place.name), place.read_bytes()


def _named(content: bytes, project: str) -> bytes:
    for placeholder in _PLACEHOLDERS:
        content = content.replace(placeholder.encode(), project.encode())
    return content
