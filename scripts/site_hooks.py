"""What the pages write behind the language of a code block is for the tests; here it becomes what the site understands."""

from __future__ import annotations

import re

_FENCE = re.compile(r"^(\s*```)(\w+) +([^`\n]+)$", re.MULTILINE)


def on_page_markdown(markdown: str, **_: object) -> str:
    """`python title=a.py` and `python add=a.py` get a title; `console fails` loses its note."""
    return _FENCE.sub(_opening, markdown)


def _opening(match: re.Match[str]) -> str:
    fence, language, options = match.groups()
    for option in options.split():
        name, _, value = option.partition("=")
        if name in ("title", "add"):
            return f'{fence}{language} title="{value}"'
    return f"{fence}{language}"
