"""`ctx.auth.require_recent`: what is important needs a recent proof. Check S10."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from support.applications import write_application
from syncline import ForbiddenError, UnauthenticatedError
from syncline.functions import Release, load_application
from syncline.kernel.identity import Caller
from syncline.testing import Backend

MODULE = """
    from syncline import ActionCtx, MutationCtx, action, mutation

    @mutation(anonymous=True)
    def erase(ctx: MutationCtx, minutes: float = 10) -> str:
        return ctx.auth.require_recent(minutes).subject

    @action
    async def pay(ctx: ActionCtx) -> str:
        return ctx.auth.require_recent().subject
"""


@pytest.fixture
def release(tmp_path: Path) -> Iterator[Release]:
    loaded = load_application(write_application(tmp_path, money=MODULE))
    yield loaded
    loaded.modules.close()


def test_a_proof_counts_for_a_while_and_a_second_step_renews_it(release: Release) -> None:
    backend = Backend(release)
    erase, pay = (
        cast("Any", release.registry.find(path, None, Caller(admin=True)).function)
        for path in ("money:erase", "money:pay")
    )
    now = int(backend.now.timestamp())
    fresh = backend.signed_in("ann", claims={"auth_time": now - 60})
    stale = backend.signed_in("ann", claims={"auth_time": now - 3600})
    renewed = backend.signed_in("ann", claims={"auth_time": now - 3600, "mfa_time": now - 60})
    for user in (fresh, renewed):
        assert user.mutation(erase) == user.action(pay) == "ann"
    for user in (stale, backend.signed_in("ann")):
        with pytest.raises(ForbiddenError, match="/auth/reverify"):
            user.mutation(erase)
    assert stale.mutation(erase, minutes=61) == "ann"
    with pytest.raises(UnauthenticatedError):
        backend.mutation(erase)
    backend.advance(minutes=10)
    with pytest.raises(ForbiddenError):
        fresh.action(pay)
    backend.close()
