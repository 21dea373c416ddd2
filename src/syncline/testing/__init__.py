"""Testing applications: the real engine in memory, on a clock that tests move.

    def test_send(backend):
        alice = backend.signed_in("alice")
        alice.mutation(messages.send, channel="general", body="hi")
        assert [m.body for m in alice.query(messages.list_messages, channel="general")] == ["hi"]

`backend` is a fixture of the pytest plugin, which comes with the package.
"""

from .backend import Backend, User
from .deny_matrix import DenyMatrix, deny_matrix
from .requests import Reply
from .updates import Updates

__all__ = ["Backend", "DenyMatrix", "Reply", "Updates", "User", "deny_matrix"]
