"""Ids of documents: strings that know, for type checkers, which document they name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from .document import Document

DocumentT_co = TypeVar("DocumentT_co", bound="Document", covariant=True)


class Id(str, Generic[DocumentT_co]):
    """The id of a document: `Id[Message]`. At run time a plain string with the id's text.

    Which table an id belongs to is in its text, and is checked wherever an `Id[Message]` is expected.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return f"Id({str.__repr__(self)})"
