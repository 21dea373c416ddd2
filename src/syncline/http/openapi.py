"""`/openapi.json`: every public function over HTTP, with its schemas and its docstring."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Final

from syncline.functions import FunctionDefinition, Kind
from syncline.schema import Parameter
from syncline.values import Json

from .openapi_types import Schema, SchemaWriter, default_of

_ERROR: Final = "Error"
_LOG_LINES: Final[Schema] = {
    "type": "array",
    "items": {"type": "string"},
    "description": "What the function printed (in development only).",
}
_SAYS: Final = {
    Kind.QUERY: "A query: it changes nothing.",
    Kind.MUTATION: "A mutation: one transaction.",
    Kind.ACTION: "An action.",
}
_INTRODUCTION: Final = (
    "The functions of this application. Each answers with status 200 and an envelope: `status` is `success` with the "
    "`value`, or `error` with an `errorMessage` and, if the function gave any, `errorData`. What never reached a "
    "function has another status, with `code` and `message`."
)


def openapi_document(
    definitions: Iterable[FunctionDefinition], *, title: str, version: str, deployment: str, signed_in: bool
) -> Schema:
    """The OpenAPI 3.1 description of the application's public functions, in the order of their paths.

    `signed_in`: callers must be, unless a function says otherwise.
    """
    writer = SchemaWriter()
    paths: Schema = {}
    public = sorted(
        (item for item in definitions if not item.internal and not item.path.startswith("_system/")),
        key=lambda item: item.path,
    )
    for definition in public:
        module, _, name = definition.path.rpartition(":")
        operation = _operation(definition, writer)
        if signed_in and not definition.anonymous:
            operation["security"] = [{"user": []}]
        paths[f"/api/run/{module}/{name}"] = {"post": operation}
    paths |= _server_paths()
    writer.components[_ERROR] = {
        "type": "object",
        "properties": {"code": {"type": "string"}, "message": {"type": "string"}},
        "required": ["code", "message"],
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version, "description": f"{_INTRODUCTION}\n\n{deployment}"},
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(writer.components.items())),
            "securitySchemes": {
                "user": {"type": "http", "scheme": "bearer", "description": "The token of a signed-in user."}
            },
        },
        "security": [{}, {"user": []}],
    }


def _operation(definition: FunctionDefinition, writer: SchemaWriter) -> Schema:
    module, _, name = definition.path.rpartition(":")
    text = inspect.getdoc(definition.fn) or ""
    summary, _, rest = text.partition("\n")
    parameters = definition.arguments.parameters
    arguments = _arguments(parameters, writer)
    properties: Schema = {"args": arguments, "format": {"enum": ["json", None]}}
    body: Schema = {"type": "object", "properties": properties}
    needs_arguments = any(parameter.required for parameter in parameters)
    if needs_arguments:
        body["required"] = ["args"]
    return {
        "operationId": f"{module}_{name}".replace("/", "_").replace(".", "_"),
        "tags": [module],
        "summary": summary or definition.path,
        "description": f"{rest.strip()}\n\n{_SAYS[definition.kind]}".strip(),
        "x-syncline-function": definition.path,
        "x-syncline-kind": definition.kind.value.lower(),
        "requestBody": {"required": needs_arguments, "content": {"application/json": {"schema": body}}},
        "responses": {
            "200": _json("What the function gave, or how it failed.", _envelope(definition, writer)),
            **_refusals(),
        },
    }


def _arguments(parameters: Iterable[Parameter], writer: SchemaWriter) -> Schema:
    properties: Schema = {}
    required: list[Json] = []
    for parameter in parameters:
        schema = writer.write(parameter.node, "input")
        if parameter.required:
            required.append(parameter.name)
        elif "$ref" not in schema:
            schema["default"] = default_of(parameter.node, parameter.default)
        properties[parameter.name] = schema
    arguments: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    if required:
        arguments["required"] = required
    return arguments


def _envelope(definition: FunctionDefinition, writer: SchemaWriter) -> Schema:
    success: Schema = {
        "type": "object",
        "properties": {
            "status": {"const": "success"},
            "value": writer.write(definition.result.node, "output"),
            "logLines": _LOG_LINES,
        },
        "required": ["status", "value"],
        "additionalProperties": False,
    }
    failure: Schema = {
        "type": "object",
        "properties": {
            "status": {"const": "error"},
            "errorMessage": {"type": "string"},
            "errorData": {},
            "logLines": _LOG_LINES,
        },
        "required": ["status", "errorMessage"],
        "additionalProperties": False,
    }
    return {"oneOf": [success, failure]}


def _refusals() -> Schema:
    error: Schema = {"$ref": f"#/components/schemas/{_ERROR}"}
    return {
        "4XX": _json("The request is wrong, too large, or not allowed.", error),
        "429": _json("Too many calls within a minute: try again when `retry-after` says.", error),
        "503": _json("Too much waits already, or the server is stopping: try again later.", error),
    }


def _json(description: str, schema: Schema) -> Schema:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _server_paths() -> Schema:
    """What monitors ask for."""
    return {
        "/version": {"get": _text("version", "The version of the server", "The version.")},
        "/healthz": {"get": _text("health", "Whether the process works", "It does.")},
        "/readyz": {
            "get": _text("readiness", "Whether this server takes requests", "It does.", {"503": "Not now."})
        },
    }


def _text(name: str, summary: str, answer: str, others: dict[str, str] | None = None) -> Schema:
    content: Schema = {"text/plain": {"schema": {"type": "string"}}}
    responses: Schema = {
        status: {"description": text, "content": content}
        for status, text in {"200": answer, **(others or {})}.items()
    }
    return {"operationId": f"server_{name}", "tags": ["server"], "summary": summary, "responses": responses}
