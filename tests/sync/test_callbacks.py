"""A callback that fails hurts nobody else, and the log says which it was and nothing that it holds."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import pytest

from syncline.sync.callbacks import call_back


@dataclass
class Waiting:
    arguments: str

    def done(self, number: int, answer: str) -> None:
        raise ValueError("a fault")


def test_what_a_failed_callback_holds_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    waiting = Waiting("planted")
    call_back(waiting.done, 1, "planted")
    call_back(partial(waiting.done, 1), "planted")
    assert [record.message for record in caplog.records] == ["a callback failed: Waiting.done"] * 2
    assert "ValueError: a fault" in caplog.text and "planted" not in caplog.text
