"""`syncline import` through the server that has the data folder open."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any, Final, cast

import click
import msgspec

from syncline.kernel.errors import SetupError
from syncline.transfer import Format

from .importing import Options
from .progress import ProgressBar
from .server_client import ServerClient, Unreachable

_PART_BYTES: Final = 5 * 1024 * 1024
_LOOK_SECONDS: Final = 0.1
_FORMATS: Final = {
    Format.ZIP: "zip", Format.JSONL: "jsonLines", Format.JSON: "jsonArray", Format.CSV: "csv",
}  # fmt: skip
_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder().decode


def import_through_server(url: str, key: str, options: Options) -> int | None:
    """Import a file; None if nobody answers at the address."""
    client = ServerClient(url, key)
    try:
        started = cast("dict[str, str]", _decode(client.post("/api/import/start_upload", b"")))
    except Unreachable:
        return None
    try:
        with ProgressBar() as bar:
            return _Remote(client, options, bar).run(started["uploadToken"])
    except Unreachable as error:
        raise SetupError(
            f"the server went away during the import: {error}", "look at the data before you import again"
        ) from None


class _Remote:
    """One import by a server."""

    def __init__(self, client: ServerClient, options: Options, bar: ProgressBar) -> None:
        self._client = client
        self._options = options
        self._bar = bar
        self._id = ""

    def run(self, token: str) -> int:
        options = self._options
        parts = self._upload(token, options.path)
        wanted = {
            "tableName": options.table,
            "mode": options.mode.value,
            "format": _FORMATS[options.format],
            "skip": list(options.skip),
        }
        body = {"import": wanted, "uploadToken": token, "partTokens": parts}
        self._id = str(self._post("/api/import/finish_upload", body)["importId"])
        try:
            return self._confirm_and_load()
        except (KeyboardInterrupt, click.Abort, SetupError):
            self._cancel()
            raise

    def _confirm_and_load(self) -> int:
        state = self._wait_while("uploaded")
        self._bar.clear()
        options = self._options
        if state["state"] == "waiting_for_confirmation":
            for line in str(state["message_to_confirm"]).splitlines()[1:]:
                click.echo(f"  {line}", err=True)
            if options.dry_run:
                self._cancel()
                click.echo("  nothing was imported: this was a dry run", err=True)
                return 0
            if state["require_manual_confirmation"] and not options.yes:
                _ask()
            self._post("/api/perform_import", {"importId": self._id})
            state = self._wait_while("in_progress")
            self._bar.clear()
        if state["state"] == "failed":
            message, _, remedy = str(state["error_message"]).partition("\n  help: ")
            raise SetupError(message, remedy)
        added = int(state["num_rows_written"])
        noun = "document" if added == 1 else "documents"
        click.echo(f"  {options.path.name}  added {added:,} {noun}")
        return 0

    def _upload(self, token: str, path: Path) -> list[str]:
        parts: list[str] = []
        sent = 0
        try:
            total = path.stat().st_size
            with path.open("rb") as file:
                while piece := file.read(_PART_BYTES):
                    target = f"/api/import/upload_part?uploadToken={token}&partNumber={len(parts) + 1}"
                    answer = self._client.post(target, piece, "application/octet-stream")
                    parts.append(str(_decode(answer)))
                    sent += len(piece)
                    self._bar.update("uploading", sent, total)
        except OSError as error:
            raise SetupError(
                f"{path} cannot be read: {error.strerror}", "check the name of the file"
            ) from None
        return parts

    def _wait_while(self, name: str) -> dict[str, Any]:
        """The state of the import as soon as it is another one."""
        while True:
            body = {"path": "_system/cli/queryImport", "args": {"importId": self._id}, "format": "json"}
            value: Any = self._post("/api/query", body).get("value")
            if value is None:
                raise SetupError("the server has forgotten the import", "look at the data, then import again")
            state = cast("dict[str, Any]", value["state"])
            if state["state"] != name:
                return state
            self._bar.update(str(state.get("progress_message") or "reading"), _share(state), 100)
            time.sleep(_LOOK_SECONDS)

    def _cancel(self) -> None:
        try:
            self._post("/api/cancel_import", {"importId": self._id})
        except (SetupError, Unreachable):
            return  # It has ended already.

    def _post(self, target: str, body: dict[str, Any]) -> dict[str, Any]:
        answer: Any = _decode(self._client.post(target, _encode(body)))
        return cast("dict[str, Any]", answer) if isinstance(answer, dict) else {}


def _share(state: dict[str, Any]) -> int:
    """The percentage at the end of a progress message."""
    number = str(state.get("progress_message") or "").rpartition(" ")[2].removesuffix("%")
    return int(number) if number.isdecimal() else 0


def _ask() -> None:
    if not sys.stdin.isatty():
        raise SetupError(
            "this deletes documents, and there is no terminal to ask at", "add --yes. Nothing was imported"
        )
    click.confirm("  this deletes documents. Import?", abort=True, err=True)
