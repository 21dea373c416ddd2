"""What every part of the accounts works with: the file, the time, chance, and the keys of what is hashed or sealed."""

from __future__ import annotations

import base64
import hmac
import json
import math
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from syncline.kernel.clock import Clock, Entropy
from syncline.kernel.secrets import SecretBox

from .identity_file import IdentityFile
from .rendering import Renderer
from .settings import AccountSettings

_PEPPER = "pepper"
_ID_ALPHABET = "0123456789abcdefghijklmnopqrstuv"


#: Texts that say what is wrong with one field of a form.
_ABOUT = {
    "error.email": "email",
    "error.email_taken": "email",
    "error.blocked": "email",
    "error.disposable": "email",
    "error.password_short": "password",
    "error.password_long": "password",
    "error.password_common": "password",
    "error.password_related": "password",
    "error.password_wrong": "password",
    "error.code": "code",
    "error.device_code": "code",
    "error.name": "name",
    "error.key_name": "name",
    "error.delete_word": "word",
}


class AccountError(Exception):
    """A refusal that its cause may read. `text` is the name of a text in the translations."""

    def __init__(
        self, text: str, *, status: int = 400, retry_after: float | None = None, **values: object
    ) -> None:
        super().__init__(text)
        self.text = text
        self.status = status
        self.retry_after = retry_after
        self.values = values

    @property
    def headers(self) -> dict[str, str]:
        """When to try again, in whole seconds that are enough."""
        return {} if self.retry_after is None else {"retry-after": str(max(1, math.ceil(self.retry_after)))}

    @property
    def about(self) -> str | None:
        """The field of a form that is wrong, if it is one."""
        return _ABOUT.get(self.text)


@dataclass(frozen=True, slots=True)
class Visitor:
    """Where a request came from. `locale` is the language of its answer, `device` the secret of its cookie of known
    devices."""

    address: str = ""
    agent: str = ""
    locale: str = "en"
    device: str = field(default="", repr=False)
    #: Somebody on the server's own machine: what helps those who develop is for them alone.
    here: bool = False


@dataclass(frozen=True, slots=True)
class RoleChange:
    """What a user's role in an organisation is now; None: a member no more. The empty user stands for everybody."""

    organization: str
    user_id: str
    role: str | None


@dataclass
class Core:
    """Used by the thread of the identity file only, but for `settings`, `clock` and `digest`."""

    file: IdentityFile
    settings: AccountSettings
    clock: Clock
    entropy: Entropy
    box: SecretBox
    pepper: bytes = field(init=False, repr=False)
    #: Sessions that ended in the transaction under way: who listens hears of them when it is over.
    ended: list[str] = field(default_factory=list[str])
    #: Roles in organisations that it changed, for the same.
    roles: list[RoleChange] = field(default_factory=list[RoleChange])
    #: Whether the transaction under way put mails, webhooks or copies into their outboxes.
    posted: bool = False
    #: Somebody whose password's hash came from elsewhere; empty: nobody's did; None: not looked for yet.
    foreign_hash_of: str | None = None
    pages: Renderer = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.pages = Renderer(self.settings)
        with self.file.transaction():
            sealed = self.file.value("SELECT value FROM meta WHERE name = ?", _PEPPER)
            if sealed is None:
                sealed = self.box.seal(self.entropy.bytes(32).hex(), "identity:pepper")
                self.file.change("INSERT INTO meta VALUES (?, ?)", _PEPPER, sealed)
        self.pepper = bytes.fromhex(self.box.open(sealed, "identity:pepper"))

    def now(self) -> int:
        """Seconds since the epoch."""
        return self.clock.wall_ns() // 1_000_000_000

    def new_id(self, prefix: str) -> str:
        """`user_0q3k...`: 125 random bits behind the prefix."""
        number = int.from_bytes(self.entropy.bytes(16), "big")
        return f"{prefix}_" + "".join(_ID_ALPHABET[(number >> (5 * place)) & 31] for place in range(25))

    def new_secret(self) -> str:
        """256 random bits in 43 characters of a URL."""
        return base64.urlsafe_b64encode(self.entropy.bytes(32)).decode().rstrip("=")

    def new_code(self) -> str:
        """Six digits."""
        return f"{int.from_bytes(self.entropy.bytes(8), 'big') % 1_000_000:06d}"

    def digest(self, purpose: str, *parts: str) -> bytes:
        """What is stored or compared instead of a secret: keyed, so that the file alone does not tell it."""
        text = "\0".join((purpose, *parts)).encode("utf-8", "surrogatepass")
        return hmac.digest(self.pepper, text, sha256)


def ms(seconds: int | None) -> int | None:
    """Seconds of the file as others are told them: milliseconds since the epoch."""
    return None if seconds is None else seconds * 1000


def dumps(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def loads(text: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(text)
    return loaded
