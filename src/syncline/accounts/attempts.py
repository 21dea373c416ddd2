"""Whose limits an attempt at somebody's account counts in.

From a device that the account's owner has signed in on, in those of the device: strangers cannot use them up. From
elsewhere in those of all strangers together, and of each network, which has a share of them. Strangers in a network from
which the owner has signed in are as close as it gets to the owner on a new device: that network has limits of its own.

Where there is no account the same is looked up, counted and answered.
"""

from __future__ import annotations

from dataclasses import dataclass

from syncline.kernel.proxies import subscriber_of

from . import known_devices, rates
from .core import Core, Visitor
from .emails import normal_form
from .sessions import Session
from .users import User

#: Wrong codes of the second step in a row of which the user is told: whoever enters them is past the first.
TOLD = 10


@dataclass(frozen=True, slots=True)
class Source:
    """Who tries: a known device, or some place in the network."""

    #: The normal form of an address, or the id of a user.
    subject: str
    address: str
    #: The known device, or else the session of the user whom it is about.
    known: str | None
    #: The user has signed in from this network.
    familiar: bool

    @property
    def place(self) -> str:
        """The subject as it is tried from this network."""
        return f"{self.subject}\0{subscriber_of(self.address)}"

    @property
    def strangers(self) -> str:
        """The subject as it is tried by all strangers, unless this network is set apart from them."""
        return self.place if self.familiar else self.subject

    def limits(self, kind: str) -> tuple[tuple[str, str], ...]:
        """What one attempt of this kind counts for. As many everywhere but on known devices: time tells nothing."""
        if self.known is not None:
            return ((f"{kind}.device", self.known),)
        return ((kind, self.strangers), (f"{kind}.home" if self.familiar else f"{kind}.place", self.place))


def source(
    core: Core, email: str, visitor: Visitor, session: Session | None = None, *, proved: bool = False
) -> Source:
    """Who tries something with this address. `proved`: it is its user's only if he has proved it."""
    normal = normal_form(email)
    row = core.file.row("SELECT user_id, verified_at FROM addresses WHERE normal = ?", normal)
    user_id = None if row is None or (proved and row[1] is None) else row[0]
    return _source(core, normal, user_id, visitor, session)


def source_of(core: Core, user_id: str, visitor: Visitor, session: Session | None = None) -> Source:
    """The same for what is tried with a user."""
    return _source(core, user_id, user_id, visitor, session)


def take_password(core: Core, email: str, visitor: Visitor, session: Session | None = None) -> float | None:
    """Count one password. None: go on; otherwise the seconds until the next, as `rates.take` says."""
    by = source(core, email, visitor, session)
    if by.known is not None:
        return rates.take(core, ("password.device", by.known))
    return rates.take(core, ("password", by.place), ("password.ip", by.address))


def take_mail(
    core: Core,
    email: str,
    visitor: Visitor,
    *also: tuple[str, str],
    session: Session | None = None,
    reset: bool = False,
) -> float | None:
    """Count one mail to the address that anybody can ask for. `reset`: for a new password; `also`: what else to count."""
    by = source(core, email, visitor, session, proved=True)
    counted = [*also, *by.limits("send"), *(by.limits("reset") if reset else ())]
    if by.known is None:
        counted.append(("send.ip", by.address))
    return rates.take(core, *counted)


def take_code(core: Core, user_id: str | None, visitor: Visitor) -> float | None:
    """Count one code of a mail. `user_id`: whom it signs in."""
    by = source_of(core, user_id or "", visitor)
    if by.known is not None:
        return rates.take(core, ("code.device", by.known))
    return rates.take(core, ("code.ip", by.address))


def take_second(core: Core, user_id: str, visitor: Visitor, session: Session | None = None) -> float | None:
    """Count one code of the second step."""
    return rates.take(core, *source_of(core, user_id, visitor, session).limits("second"))


def note_wrong_second(core: Core, user_id: str, visitor: Visitor, session: Session | None = None) -> bool:
    """Count a wrong code of the second step. True: the user should hear of it, once for many in a row."""
    by = source_of(core, user_id, visitor, session)
    return rates.note_wrong(core, _second_key(core, by), core.digest("failures", user_id)) == TOLD


def forget_wrong_second(core: Core, user_id: str, visitor: Visitor, session: Session | None = None) -> None:
    """A right code came from there."""
    rates.forget_closing(core, _second_key(core, source_of(core, user_id, visitor, session)))


def password_closed(core: Core, by: Source) -> int | None:
    """Seconds for which the password is not asked for there; None: it is. Other ways in stay open."""
    waits = [rates.closed_for(core, key) for key in _keys(core, by)]
    return max((wait for wait in waits if wait is not None), default=None)


def note_failure(core: Core, by: Source) -> str | None:
    """Count a wrong password, also for addresses that nobody has. For whom this one closed it: `device`, `network` or
    `everybody`."""
    about = core.digest("failures", by.subject)
    if by.known is not None:
        [key] = _keys(core, by)
        return "device" if rates.note_failure(core, key, about) else None
    place, strangers = _keys(core, by)
    closed = "network" if rates.note_failure(core, place, about) else None
    if rates.take(core, ("failure.place", by.place)) is None and rates.note_failure(core, strangers, about):
        return "network" if by.familiar else "everybody"
    return closed


def forget_failures(core: Core, by: Source) -> None:
    """The right password came from there."""
    for key in _keys(core, by):
        rates.forget_closing(core, key)


def open_all(core: Core, user: User) -> None:
    """Ask for the password of this user again, whoever tried to guess it at which address."""
    for address in user.addresses:
        rates.forget_failures(core, address.normal)


def _source(
    core: Core, subject: str, user_id: str | None, visitor: Visitor, session: Session | None
) -> Source:
    known = known_devices.find(core, visitor.device, user_id or "")
    familiar = known_devices.is_network_of(core, visitor.address, user_id or "")
    if known is None and session is not None and session.user_id == user_id and session.actor is None:
        # Signed in before there were known devices, or on one that was forgotten.
        known = session.id
    return Source(subject, visitor.address, known, familiar)


def _second_key(core: Core, by: Source) -> bytes:
    """Where wrong codes of the second step are counted: the owner's right ones elsewhere do not make strangers' forgotten."""
    return core.digest("failures.second", by.strangers if by.known is None else by.known)


def _keys(core: Core, by: Source) -> list[bytes]:
    """Where its wrong passwords are counted: those of the device, or those of the network and those of all strangers."""
    if by.known is not None:
        return [core.digest("failures.device", by.known)]
    return [core.digest("failures.place", by.place), core.digest("failures", by.strangers)]
