"""Imports: a file uploaded in parts, checked and staged, confirmed, and loaded.

    POST /api/import/start_upload                                 {"uploadToken": ...}
    POST /api/import/upload_part?uploadToken=..&partNumber=1      a token of the part
    POST /api/import/finish_upload   {import, uploadToken, partTokens}   {"importId": ...}
    POST /api/perform_import         {importId}
    POST /api/cancel_import          {importId}

How far it is, is in the query `_system/cli/queryImport`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import parse_qs

import msgspec

from syncline.http.replies import Refusal
from syncline.http.request import Request
from syncline.kernel.identity import Caller
from syncline.sync import Services
from syncline.transfer import Format, Mode
from syncline.transfer.live_imports import ImportRequest, LiveImports

from .answers import Administered, decoded, from_thread

_FORMATS: Final = {
    "csv": Format.CSV, "jsonLines": Format.JSONL, "jsonArray": Format.JSON, "zip": Format.ZIP,
}  # fmt: skip
_encode: Final = msgspec.json.Encoder().encode


class _Wanted(msgspec.Struct, rename="camel"):
    mode: str
    format: str | dict[str, Any]
    table_name: str | None = None
    component_path: str | None = None
    skip: list[str] = []


class _Finish(msgspec.Struct, rename="camel"):
    upload_token: str
    part_tokens: list[str]
    wanted: _Wanted = msgspec.field(name="import")


class _Named(msgspec.Struct, rename="camel"):
    import_id: str


class ImportEndpoints:
    def __init__(self, services: Services, imports: LiveImports) -> None:
        self._services = services
        self._imports = imports

    def table(self) -> Iterator[tuple[str, str, Administered]]:
        yield "POST", "/api/import/start_upload", self._start
        yield "POST", "/api/import/upload_part", self._part
        yield "POST", "/api/import/finish_upload", self._finish
        yield "POST", "/api/perform_import", self._perform
        yield "POST", "/api/cancel_import", self._cancel

    def _start(self, request: Request, caller: Caller) -> None:
        self._imports.start_upload(
            from_thread(request, lambda token: request.respond(200, _encode({"uploadToken": token})))
        )

    def _part(self, request: Request, caller: Caller) -> None:
        fields = parse_qs(request.url.partition(b"?")[2].decode("latin-1"))
        token, number = fields.get("uploadToken", [""])[-1], fields.get("partNumber", [""])[-1]
        if not number.isascii() or not number.isdecimal() or len(number) > 6:
            raise Refusal(400, "BadPartNumber", f"partNumber must be a number from 1 on, got {number[:40]!r}")
        self._imports.add_part(
            token,
            int(number),
            request.content,
            from_thread(request, lambda part: request.respond(200, _encode(part))),
        )

    def _finish(self, request: Request, caller: Caller) -> None:
        body = decoded(request, _Finish)
        wanted = body.wanted
        if wanted.component_path:
            raise Refusal(
                400,
                "ComponentNotFound",
                f"there is no component {wanted.component_path!r}: Syncline has none",
            )
        self._imports.finish_upload(
            body.upload_token,
            body.part_tokens,
            ImportRequest(_format(wanted.format), wanted.table_name, _mode(wanted.mode), tuple(wanted.skip)),
            from_thread(request, lambda id: request.respond(200, _encode({"importId": id}))),
        )

    def _perform(self, request: Request, caller: Caller) -> None:
        id = decoded(request, _Named).import_id
        self._services.on_administered("import", caller, {"import": id})
        self._imports.confirm(id, _empty(request))

    def _cancel(self, request: Request, caller: Caller) -> None:
        self._imports.cancel(decoded(request, _Named).import_id, _empty(request))


def _empty(request: Request) -> Any:
    return from_thread(request, lambda result: request.respond(200, b"null"))


def _format(name: str | dict[str, Any]) -> Format:
    text = str(name.get("format")) if isinstance(name, dict) else name
    if text not in _FORMATS:
        raise Refusal(400, "BadFormat", f"the format must be one of {', '.join(_FORMATS)}, got {text[:40]!r}")
    return _FORMATS[text]


def _mode(name: str) -> Mode:
    try:
        return Mode(name)
    except ValueError:
        known = ", ".join(mode.value for mode in Mode)
        raise Refusal(400, "BadMode", f"the mode must be one of {known}, got {name[:40]!r}") from None
