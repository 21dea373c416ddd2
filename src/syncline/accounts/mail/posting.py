"""Sending mails by somebody else's API: each is posted to a receiver, which has it delivered.

Signed as webhooks are, so that whoever learns the receiver's address cannot have mails sent.
"""

from __future__ import annotations

import base64
import binascii
from urllib.parse import SplitResult

from syncline.accounts.core import Core, dumps
from syncline.accounts.outgoing import Outgoing, OutgoingError, send
from syncline.accounts.webhooks import sign
from syncline.kernel.errors import SetupError

from .outbox import Mail
from .transport import PermanentError, Transport

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
#: Bytes of a secret, as the standard has it.
_SHORTEST, _LONGEST = 24, 64
#: Answers that say that this mail will never be sent. All others may be put right at the receiver.
_NEVER = (410, 422)


def check_receiver(parts: SplitResult, secret: str) -> None:
    """Whether `SYNCLINE_MAIL_URL`, by https or http, and `SYNCLINE_MAIL_SECRET` can be. Raises SetupError."""
    if "@" in parts.netloc:
        raise SetupError(
            "SYNCLINE_MAIL_URL names a user or a password, which receivers of mails are not told",
            "leave them out: the receiver checks signatures, with the secret in SYNCLINE_MAIL_SECRET",
        )
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise SetupError(
            "SYNCLINE_MAIL_URL is http://, by which anybody on the way can read the codes in mails",
            "use https://, or a receiver on this machine (http://localhost:...)",
        )
    if not _is_secret(secret):
        given = "is no secret of this kind" if secret else "is not set"
        raise SetupError(
            f"mails are posted to {parts.hostname}, and the environment variable SYNCLINE_MAIL_SECRET {given}: the "
            "receiver could not know that they are from here",
            'make one, and give it to the receiver, too: echo "whsec_$(openssl rand -base64 32)"',
        )


def posting_transport(core: Core, outgoing: Outgoing, url: str, secret: str, sender: str) -> Transport:
    """Posts to `url`, which was checked. `outgoing`: whose threads do it."""

    async def post(mail: Mail) -> None:
        # The same at each try, by which the receiver knows what it has sent already.
        id = f"mail_{mail.id}_{mail.created_at}"
        body = dumps(
            {
                "id": id,
                "kind": mail.kind,
                "to": mail.to,
                "from": sender,
                "subject": mail.subject,
                "text": mail.text,
                "html": mail.html,
                "created_at": mail.created_at * 1000,
            }
        )
        answer = await outgoing.run(
            send,
            "POST",
            url,
            # The operator names the receiver: it may be in his own network, and http:// was checked at the start.
            production=False,
            headers={"content-type": "application/json", **sign(secret, id, core.now(), body)},
            body=body.encode(),
        )
        if answer.status in _NEVER:
            raise PermanentError(f"the receiver answered with status {answer.status}")
        if not 200 <= answer.status < 300:
            raise OutgoingError(f"the receiver answered with status {answer.status}")

    return post


def _is_secret(text: str) -> bool:
    try:
        key = base64.b64decode(text.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        return False
    return _SHORTEST <= len(key) <= _LONGEST
