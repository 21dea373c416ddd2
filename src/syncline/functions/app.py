"""The application object: settings that belong to code and not to a deployment."""

from __future__ import annotations


class App:
    """Declared in the backend's `app.py` as `app = App(...)`. An application without one has the defaults."""
