"""The files of a data folder without a server around."""

from __future__ import annotations

from collections.abc import Mapping

from syncline.files import FilePlace, FileService, Vault

from .data_key import read_data_key
from .settings import Settings

#: The folder of files in the data folder.
FILES = "files"


def open_vault(settings: Settings, environment: Mapping[str, str]) -> Vault:
    """Raises SetupError."""
    # Addresses are signed by servers only, so that the secret is of no use here.
    place = FilePlace(settings.data / FILES, settings.storage, bytes(32), read_data_key(environment), "")
    service = FileService(place, settings.make_limits())
    service.close()
    return service.vault
