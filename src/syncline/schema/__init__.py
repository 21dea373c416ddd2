"""Documents, indexes and signatures: from Python classes and hints to bytes."""

from msgspec import UNSET, UnsetType

from .access import (
    Access,
    Members,
    OwnedBy,
    Private,
    PublicRead,
    Rules,
    members,
    owned_by,
    private,
    public_read,
)
from .access_checks import check_access
from .aggregate import Aggregate, number_node
from .arguments import ArgumentsCodec, Parameter
from .binding import TableNumbers
from .bounds import Bound, Edge, between, contains, gt, gte, lt, lte
from .collecting import collect
from .definition import MISSING, Missing
from .document import Document, body_of, created_us_of, stored_id
from .hints import evaluate
from .ids import Id
from .index import Index
from .mismatch import Problem
from .nodes import TypeNode
from .pagination import Page, PaginationOptions
from .results import ResultCodec
from .search_index import DerivedIndex, SearchIndex, VectorIndex
from .table_codec import IndexKey, TableCodec
from .tables import FieldSpec, TableSpec, table_of
from .writing import read_head

__all__ = [
    "MISSING",
    "UNSET",
    "Access",
    "Aggregate",
    "ArgumentsCodec",
    "Bound",
    "DerivedIndex",
    "Document",
    "Edge",
    "FieldSpec",
    "Id",
    "Index",
    "IndexKey",
    "Members",
    "Missing",
    "OwnedBy",
    "Page",
    "PaginationOptions",
    "Parameter",
    "Private",
    "Problem",
    "PublicRead",
    "ResultCodec",
    "Rules",
    "SearchIndex",
    "TableCodec",
    "TableNumbers",
    "TableSpec",
    "TypeNode",
    "UnsetType",
    "VectorIndex",
    "between",
    "body_of",
    "check_access",
    "collect",
    "contains",
    "created_us_of",
    "evaluate",
    "gt",
    "gte",
    "lt",
    "lte",
    "members",
    "number_node",
    "owned_by",
    "private",
    "public_read",
    "read_head",
    "stored_id",
    "table_of",
]
