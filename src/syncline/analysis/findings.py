"""What an analysis has to say: one finding per place, with what, why and what to do."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from .sources import Place, SourceFile

_WAIVER: Final = re.compile(r"#\s*syncline:\s*allow\(([a-z-]+)\)\s*[:-]?\s*(.*)")


class Severity(Enum):
    """How bad it is. Hints never fail a command, warnings and errors do."""

    ERROR = "error"
    WARNING = "warning"
    HINT = "hint"


@dataclass(frozen=True, slots=True)
class Finding:
    """`rule` is stable, and what a waiver names. Without a place it is about the application as a whole."""

    rule: str
    severity: Severity
    what: str
    why: str = ""
    fix: str = ""
    place: Place | None = None

    def as_json(self) -> dict[str, object]:
        place = self.place
        return {
            "rule": self.rule,
            "severity": self.severity.value,
            "file": None if place is None else place.file,
            "line": None if place is None else place.line,
            "column": None if place is None else place.column,
            "what": self.what,
            "why": self.why,
            "fix": self.fix,
        }

    def lines(self) -> Iterator[str]:
        """As people read it, with the source line."""
        place = self.place
        where = "" if place is None else f"{place.file}:{place.line}:{place.column}: "
        yield f"{where}{self.severity.value}: {self.what}  [{self.rule}]"
        if place is not None and place.source.strip():
            number = f"{place.line:>5} | "
            yield ""
            yield number + place.source
            if place.width:
                yield f"{' ' * (len(number) - 2)}| {' ' * (place.column - 1)}{'^' * place.width}"
            yield ""
        if self.why:
            yield f"  why:  {self.why}"
        if self.fix:
            yield f"  help: {self.fix}"


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """By file and line; what belongs to no place last. Each is said once."""
    unique = dict.fromkeys(findings)
    return sorted(
        unique,
        key=lambda found: (
            found.place is None,
            () if found.place is None else (found.place.file, found.place.line, found.place.column),
            found.rule,
        ),
    )


def without_waived(findings: Iterable[Finding], sources: Sequence[SourceFile]) -> list[Finding]:
    """The findings that no comment waives, and one for each waiver that gives no reason.

    `# syncline: allow(RULE) reason` counts for its own line; on a line of its own, for the next line of code. One
    above a `def` or a decorator counts for the function's signature, not for its body.
    """
    waived: dict[tuple[str, int], set[str]] = {}
    unexplained: list[Finding] = []
    for source in sources:
        for line, rule, reason in _waivers(source):
            waived.setdefault((source.name, line), set()).add(rule)
            if not reason:
                unexplained.append(
                    Finding(
                        "waiver",
                        Severity.WARNING,
                        f"the waiver of {rule} gives no reason",
                        "in a year nobody knows whether it still holds",
                        f"write it behind the bracket: # syncline: allow({rule}) because ...",
                        source.place_of_line(line),
                    )
                )
    kept = [
        found
        for found in findings
        if found.place is None or found.rule not in waived.get((found.place.file, found.place.line), ())
    ]
    return [*kept, *unexplained]


def _waivers(source: SourceFile) -> Iterator[tuple[int, str, str]]:
    """(the line that it counts for, rule, reason) of each waiver."""
    for number, text in source.comments:
        found = _WAIVER.search(text)
        if found is not None:
            yield source.code_line_from(number), found[1], found[2].strip()
