"""Values: their types, JSON, order, index keys, limits, ids and timestamps."""

from .codec import (
    canonical_json,
    decode_canonical,
    decode_json,
    decode_value,
    encode_json,
    encode_value,
    parse_json,
)
from .formats import to_clean_json, to_export_json
from .ids import decode_id, encode_id
from .keys import decode_key_part, encode_key_part, parts_end, prefix_end, type_range
from .limits import check_document, check_value, nesting_of, size_of
from .order import compare
from .timestamps import decode_ts, encode_ts
from .types import (
    INT64_MAX,
    INT64_MIN,
    MAX_NESTING,
    SAFE_INTEGER,
    UNDEFINED,
    Int64,
    InvalidValueError,
    Json,
    Undefined,
    Value,
)

__all__ = [
    "INT64_MAX",
    "INT64_MIN",
    "MAX_NESTING",
    "SAFE_INTEGER",
    "UNDEFINED",
    "Int64",
    "InvalidValueError",
    "Json",
    "Undefined",
    "Value",
    "canonical_json",
    "check_document",
    "check_value",
    "compare",
    "decode_canonical",
    "decode_id",
    "decode_json",
    "decode_key_part",
    "decode_ts",
    "decode_value",
    "encode_id",
    "encode_json",
    "encode_key_part",
    "encode_ts",
    "encode_value",
    "nesting_of",
    "parse_json",
    "parts_end",
    "prefix_end",
    "size_of",
    "to_clean_json",
    "to_export_json",
    "type_range",
]
