"""Fixtures of the tests of values."""

from __future__ import annotations

from support.node import node_modules, node_values

__all__ = ["node_modules", "node_values"]
