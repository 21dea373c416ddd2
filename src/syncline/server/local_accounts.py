"""The accounts of a data folder that no server has open: what the client of the administration asks in this process."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager

import msgspec

import syncline.accounts as accounts
from syncline.accounts import uses_accounts
from syncline.client.accounts import Reply
from syncline.functions import load_application
from syncline.kernel.clock import SystemClock, SystemEntropy
from syncline.kernel.errors import SetupError
from syncline.store.folder import FolderLock, make_folder

from .accounts import account_settings
from .data_key import read_data_key
from .secret_key import open_secrets
from .settings import Mode, Settings

_ACTOR = "command line"


class LocalAccounts:
    """A transport of `AccountsClient`. Made by `open_accounts`."""

    def __init__(self, provider: accounts.IdentityProvider) -> None:
        self._provider = provider

    def send(self, method: str, path: str, query: Mapping[str, str], body: bytes | None) -> Reply:
        """The answer that a server would give."""
        try:
            found = accounts.find_endpoint(method, path)
            if found is None:
                raise accounts.AccountError("error.not_found", status=404)
            endpoint, places = found
            given = msgspec.json.decode(body, type=dict[str, object]) if body else query
            answer = self._provider.administer(endpoint, places, given, _ACTOR)
        except (msgspec.DecodeError, RecursionError):
            return self._refused(accounts.AccountError("error.body"))
        except accounts.AccountError as error:
            return self._refused(error)
        return Reply(endpoint.status, msgspec.json.encode(answer))

    def close(self) -> None:
        """Nothing: `open_accounts` closes the file."""

    def _refused(self, error: accounts.AccountError) -> Reply:
        core = self._provider.core
        text = core.pages.texts.get("en", error.text, app=core.settings.name, **error.values)
        content = {"code": error.text.removeprefix("error."), "message": text}
        if "field" in error.values:
            content["field"] = str(error.values["field"])
        return Reply(error.status, msgspec.json.encode(content))


@contextmanager
def open_accounts(settings: Settings, environment: Mapping[str, str]) -> Generator[LocalAccounts]:
    """Raises SetupError, also if a server has the data folder open."""
    release = load_application(settings.backend)
    if release.app is None or not uses_accounts(release.app.auth):
        raise SetupError(
            "the application has no accounts: none of its ways to sign in is Syncline's own",
            "list one in backend/app.py, for example App(auth=[Password()])",
        )
    make_folder(settings.data, create=True)
    lock = FolderLock(settings.data)
    try:
        box = open_secrets(settings.data, environment, SystemEntropy())
        wanted = account_settings(settings, Mode.DEV, release.app, environment)
        provider = accounts.IdentityProvider.open(
            settings.data, wanted, SystemClock(), box, read_data_key(environment)
        )
        try:
            yield LocalAccounts(provider)
        finally:
            provider.close()
    finally:
        lock.release()
