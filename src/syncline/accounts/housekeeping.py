"""Forgetting what is over."""

from __future__ import annotations

from . import audit, device_grants, flows, known_devices, merging, rates, sessions
from .core import Core
from .mail import outbox


def trim(core: Core) -> None:
    """One round, in one transaction."""
    flows.trim(core)
    device_grants.trim(core)
    known_devices.trim(core)
    rates.trim(core)
    sessions.trim(core)
    audit.trim(core)
    outbox.trim(core)
    merging.trim(core)
    core.file.change(
        "DELETE FROM deliveries WHERE next_at IS NULL AND created_at < ?", core.now() - 30 * 24 * 3600
    )
