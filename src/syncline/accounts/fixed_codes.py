"""Addresses such as ann+test@example.com: their code is always the same in development, so that tests can know it.

Whoever knows the code could have proved such an address, so that the file remembers which were, and no server in
production opens it while there are accounts of them.
"""

from __future__ import annotations

from typing import Final

from syncline.kernel.errors import SetupError

from .core import Core
from .emails import normal_form
from .identity_file import IdentityFile

CODE: Final = "424242"
_MARK: Final = "fixed code:"
_SHOWN: Final = 3


def take(core: Core, address: str) -> str | None:
    """The code of such an address in development, for who is at the server's machine; None: it has a secret one.

    Remembers, in the transaction that hands it out, that the code was no secret.
    """
    if core.settings.production or "+test@" not in address:
        return None
    core.file.change("INSERT OR IGNORE INTO meta VALUES (?, '')", _MARK + normal_form(address))
    return CODE


def refuse_proved(file: IdentityFile) -> None:
    """Raises SetupError if anybody has an account by an address that was proved with the code; forgets all if nobody has."""
    found = [
        email
        for (email,) in file.rows(
            "SELECT email FROM addresses JOIN meta ON name = ? || normal WHERE verified_at IS NOT NULL ORDER BY normal",
            _MARK,
        )
    ]
    if not found:
        file.change("DELETE FROM meta WHERE substr(name, 1, ?) = ?", len(_MARK), _MARK)
        return
    shown = ", ".join(found[:_SHOWN]) + (f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else "")
    raise SetupError(
        f"there are accounts of addresses that were proved in development with the code {CODE}, which everybody knows: {shown}",
        f"delete them: syncline users delete {found[0]}. Or start with a new data folder",
    )
