"""Bodies of the HTTP API."""

from __future__ import annotations

import json

import pytest

from syncline.protocol import (
    FunctionRequest,
    ProtocolError,
    QueryAtRequest,
    QueryBatchRequest,
    RunRequest,
    ValueFormat,
    batch_body,
    decode_request,
    error_body,
    failure_body,
    success_body,
)


def test_a_request_names_a_function_and_its_arguments() -> None:
    request = decode_request(
        FunctionRequest, b'{"path":"messages:list","args":[{"n":1}],"format":"json","componentPath":"","x":1}'
    )

    assert (request.path, bytes(request.args), request.format, request.component_path) == (
        "messages:list",
        b'[{"n":1}]',
        "json",
        "",
    )


def test_arguments_may_be_left_out() -> None:
    assert bytes(decode_request(FunctionRequest, b'{"path":"a:b"}').args) == b"{}"
    assert bytes(decode_request(RunRequest, b"{}").args) == b"{}"


def test_queries_at_a_timestamp_and_in_batches() -> None:
    at = decode_request(QueryAtRequest, b'{"path":"a:b","args":{},"ts":"AAAAAAAAAAA="}')
    batch = decode_request(
        QueryBatchRequest, b'{"queries":[{"path":"a:b","args":{}},{"path":"c:d","args":{}}]}'
    )

    assert (at.path, at.ts) == ("a:b", "AAAAAAAAAAA=")
    assert [query.path for query in batch.queries] == ["a:b", "c:d"]


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "Input data was truncated"),
        (b"{}", "Object missing required field `path`"),
        (b'{"path":1}', "Expected `str`, got `int` - at `$.path`"),
        (b'{"path":"\xff"}', "it is not valid UTF-8"),
        (b'{"path":"a:b","args":' + b"[" * 100_000, "it is too deeply nested"),
    ],
)
def test_a_body_that_is_no_request_is_refused(raw: bytes, reason: str) -> None:
    with pytest.raises(ProtocolError) as refused:
        decode_request(FunctionRequest, raw)

    assert str(refused.value) == f"The body is not the JSON that this endpoint takes: {reason}"
    assert refused.value.code == "BadJsonBody"


def test_success_carries_log_lines_only_if_there_are_any() -> None:
    assert success_body(b"[1.0]") == b'{"status":"success","value":[1.0]}'
    assert (
        success_body(b"null", b'["[LOG] 1"]') == b'{"status":"success","value":null,"logLines":["[LOG] 1"]}'
    )


def test_failure_carries_data_only_for_errors_that_have_it() -> None:
    assert failure_body("no") == b'{"status":"error","errorMessage":"no"}'
    assert json.loads(failure_body("no", b'["[LOG] 1"]', b"null")) == {
        "status": "error",
        "errorMessage": "no",
        "errorData": None,
        "logLines": ["[LOG] 1"],
    }


def test_the_other_bodies() -> None:
    assert batch_body([success_body(b"1.0"), failure_body("no")]) == (
        b'{"results":[{"status":"success","value":1.0},{"status":"error","errorMessage":"no"}]}'
    )
    assert error_body("BadFormat", 'no "x"') == b'{"code":"BadFormat","message":"no \\"x\\""}'


@pytest.mark.parametrize(
    ("text", "expected", "rendered"),
    [
        ("convex_encoded_json", ValueFormat.ENCODED, b'{"$integer":"BQAAAAAAAAA="}'),
        ("convex_json", ValueFormat.ENCODED, b'{"$integer":"BQAAAAAAAAA="}'),
        ("json", ValueFormat.CLEAN, b'"5"'),
        ("convex_clean_json", ValueFormat.CLEAN, b'"5"'),
        ("export_json", ValueFormat.EXPORT, b"5"),
    ],
)
def test_formats_have_names_and_older_names(text: str, expected: ValueFormat, rendered: bytes) -> None:
    assert ValueFormat.parse(text) is expected
    assert expected.render(b'{"$integer":"BQAAAAAAAAA="}') == rendered


def test_an_unknown_format_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(ProtocolError) as refused:
        ValueFormat.parse("xml")

    assert (
        str(refused.value) == "There is no format 'xml'; use one of convex_encoded_json, json, export_json."
    )
    assert refused.value.code == "BadFormat"
