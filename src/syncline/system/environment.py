"""Environment variables of the deployment, set while it runs."""

from __future__ import annotations

from syncline.schema import Document, Index, private


class EnvironmentVariable(Document, table="_environment_variables"):
    """One variable. `sealed` is its value, encrypted with a key that is not in the database."""

    name: str
    sealed: str

    access = private
    by_variable = Index("name", unique=True)
