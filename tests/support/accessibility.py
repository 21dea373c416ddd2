"""axe-core in a page: what somebody who cannot see it, or sees little, would stumble over."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

from playwright.sync_api import Page

#: WCAG 2.1, levels A and AA.
WCAG = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa")
#: And what axe calls best practice: landmarks, one heading of the first level, and the order of the others.
PRACTICE = (*WCAG, "best-practice")

_RUN = """
async (tags) => {
  const found = await axe.run({ runOnly: { type: "tag", values: tags }, resultTypes: ["violations"] });
  return found.violations.flatMap((rule) =>
    rule.nodes.map((node) => `${rule.id}: ${node.target.join(" ")}: ${node.failureSummary.replaceAll(/\\s+/g, " ")}`));
}
"""


class Axe:
    """`node_modules` is the folder in which npm has installed it."""

    def __init__(self, node_modules: Path) -> None:
        source = (node_modules / "axe-core" / "axe.min.js").read_text("utf-8")
        self._run = f"(tags) => {{ {source};\nreturn ({_RUN})(tags); }}"

    def complaints(self, page: Page, tags: Sequence[str] = PRACTICE) -> list[str]:
        """All violations in a page: rule, element, and what would help."""
        # By the protocol of the developer tools, which the policy of the page does not hold back.
        return cast("list[str]", page.evaluate(self._run, list(tags)))
