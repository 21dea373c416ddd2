"""Write docs/reference/python.md: a heading for each public name, filled from its docstring when the site is built."""

from __future__ import annotations

from pathlib import Path

import syncline

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "python.md"

#: All public names, in the order of the page.
GROUPS = {
    "Documents": "Document Id Index SearchIndex VectorIndex Aggregate gt gte lt lte between contains Int64",
    "Access and identity": "owned_by members public_read private Rules Identity",
    "Helpers": "RateLimit RateStatus Presence Present Change",
    "Functions": "query mutation action route workflow every cron on_change migration Retry App Cors context sync_context SyncRequest",
    "Contexts": "QueryCtx MutationCtx ActionCtx SyncActionCtx WorkflowCtx",
    "Pages": "PaginationOptions Page",
    "Search": "highlight blend",
    "Stored by Syncline": "ScheduledJob CronJob WorkflowRun StoredFile UserProfile Organization OrganizationMember",
    "Errors": (
        "SynclineError AppError NotFoundError UniqueError DocumentError ArgumentError SideEffectError LimitError "
        "OverloadedError UnauthenticatedError ForbiddenError RateLimitError RefusedAddressError StepError"
    ),
}
#: Without a docstring of its own: explained in the guides.
LEFT_OUT = {"UNSET"}


def home_of(name: str) -> str:
    """The module that `syncline` takes a name from."""
    homes: dict[str, str] = vars(syncline)["_HOME_OF"]
    return homes[name]


def page() -> str:
    """The page as it should be. Every public name is in it."""
    known = {name for names in GROUPS.values() for name in names.split()} | LEFT_OUT
    if missing := set(syncline.__all__) - known:
        raise SystemExit(f"scripts/write_reference.py: in no group: {', '.join(sorted(missing))}")
    parts = ["# Python", "Everything in `syncline`, from its docstrings. What it is for is in the guides."]
    for title, names in GROUPS.items():
        public = [name for name in names.split() if name in syncline.__all__]
        parts += [f"## {title}", *[f"::: {home_of(name)}.{name}" for name in public]]
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())
