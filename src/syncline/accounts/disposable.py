"""Domains whose mailboxes are thrown away, by the list of the package `disposable-email-domains`."""

from __future__ import annotations

from functools import cache


def is_disposable(normal: str) -> bool:
    """Whether this address, in its normal form, is of such a domain or below one."""
    labels = normal.rpartition("@")[2].split(".")
    known = _domains()
    return any(".".join(labels[place:]) in known for place in range(len(labels) - 1))


@cache
def _domains() -> frozenset[str]:
    from disposable_email_domains import blocklist

    return frozenset(blocklist)
