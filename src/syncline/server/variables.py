"""Stored environment variables in the environment of the process, for code that reads `os.environ`."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from syncline.functions import StoredVariables
from syncline.kernel.secrets import SecretBox
from syncline.store import Store, StoreView


class ProcessVariables:
    """Lays the stored variables over the environment that the process was started with."""

    def __init__(self, original: Mapping[str, str], changed: Callable[[], None] = lambda: None) -> None:
        """`changed` is called, on any thread, after each change but the first."""
        self._original = dict(original)
        self._changed = changed
        self._applied: dict[str, str] = {}

    def load(self, store: Store | StoreView, secrets: SecretBox) -> None:
        """Apply what is stored, before the application is imported. Raises SetupError."""
        self._apply(StoredVariables(store, secrets).current())

    def update(self, stored: Mapping[str, str]) -> None:
        """Apply what is stored after a change."""
        self._apply(stored)
        self._changed()

    def _apply(self, stored: Mapping[str, str]) -> None:
        for name in self._applied.keys() - stored.keys():
            if name in self._original:
                os.environ[name] = self._original[name]
            else:
                os.environ.pop(name, None)
        os.environ.update(stored)
        self._applied = dict(stored)
