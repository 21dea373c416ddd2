"""The source files of a loaded release, parsed."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import ModuleType

from syncline.functions import Release
from syncline.functions.sources import short_name


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a source file. Lines and columns count from 1; `width` is how much of the line is meant."""

    file: str
    line: int
    column: int
    width: int = 0
    source: str = ""


@dataclass(frozen=True, eq=False)
class SourceFile:
    """One module of the application. `name` is its path as people write it: backend/messages.py."""

    path: Path
    name: str
    module: ModuleType
    text: str
    tree: ast.Module

    @cached_property
    def lines(self) -> Sequence[str]:
        return self.text.splitlines()

    @cached_property
    def comments(self) -> list[tuple[int, str]]:
        """(line, text) of each comment."""
        tokens = tokenize.generate_tokens(io.StringIO(self.text).readline)
        return [(token.start[0], token.string) for token in tokens if token.type == tokenize.COMMENT]

    def code_line_from(self, line: int) -> int:
        """`line` if there is code on it; otherwise the next line that has some. Decorators lead to their `def`."""
        lines = self.lines
        while (line < len(lines) and lines[line - 1].lstrip().startswith(("#", "@"))) or not self._has_code(
            line
        ):
            if line >= len(lines):
                break
            line += 1
        return line

    def _has_code(self, line: int) -> bool:
        return line > len(self.lines) or bool(self.lines[line - 1].strip())

    def place_of_line(self, line: int, column: int = 0, width: int = 0) -> Place:
        """A place on a line; without a column, the first character of its code."""
        source = self.lines[line - 1] if line <= len(self.lines) else ""
        if not column:
            column = len(source) - len(source.lstrip()) + 1
        return Place(self.name, line, column, width, source)

    def place_of(self, node: ast.expr | ast.keyword | ast.stmt) -> Place:
        """Where a node begins."""
        width = (node.end_col_offset or 0) - node.col_offset if node.end_lineno == node.lineno else 0
        return self._placed(node.lineno, node.col_offset, width)

    def place_of_name(self, node: ast.keyword) -> Place:
        """The name of a keyword argument."""
        return self._placed(node.lineno, node.col_offset, len(node.arg or "**"))

    def place_of_attribute(self, node: ast.Attribute) -> Place:
        """The name behind the dot."""
        width = len(node.attr)
        line, end = node.end_lineno or node.lineno, node.end_col_offset or 0
        return self._placed(line, end - width, width)

    def _placed(self, line: int, offset: int, width: int) -> Place:
        # ast counts bytes of UTF-8, people count characters.
        source = self.lines[line - 1] if line <= len(self.lines) else ""
        column = len(source.encode()[:offset].decode(errors="ignore")) + 1
        return self.place_of_line(line, column, width)


def source_files(release: Release) -> list[SourceFile]:
    """All modules of a release that have a source, by name."""
    return sorted(_files(release), key=lambda source: source.name)


def _files(release: Release) -> Iterator[SourceFile]:
    for module in release.modules.modules.values():
        file = getattr(module, "__file__", None)
        if isinstance(file, str):
            text = Path(file).read_text(encoding="utf-8")
            yield SourceFile(Path(file), short_name(file), module, text, ast.parse(text, file))
