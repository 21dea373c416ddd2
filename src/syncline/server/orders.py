"""What the supervisor tells its child, through the environment."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from .settings import Mode, Settings

#: The variable that holds them.
ORDERS = "SYNCLINE_SERVE"


@dataclass(frozen=True, slots=True)
class Orders:
    """One start of the serving process."""

    settings: Settings
    mode: Mode
    #: Descriptors: the listening socket, a pipe that ends when the supervisor does, and one to say that it serves.
    listener: int
    lifeline: int
    ready: int
    heartbeat: Path
    #: The listening socket for administrators; None: they come in where all do.
    admin_listener: int | None
    #: The command as the user gave it, for messages to others.
    command: list[str]
    #: This process replaces one that failed.
    again: bool

    def to_json(self) -> str:
        return json.dumps(
            {
                "settings": self.settings.to_json(),
                "mode": self.mode.value,
                "listener": self.listener,
                "lifeline": self.lifeline,
                "ready": self.ready,
                "heartbeat": str(self.heartbeat),
                "admin_listener": self.admin_listener,
                "command": self.command,
                "again": self.again,
            }
        )

    @classmethod
    def from_json(cls, text: str) -> Orders:
        values = json.loads(text)
        return cls(
            Settings.from_json(values["settings"]),
            Mode(values["mode"]),
            values["listener"],
            values["lifeline"],
            values["ready"],
            Path(values["heartbeat"]),
            values["admin_listener"],
            values["command"],
            values["again"],
        )
