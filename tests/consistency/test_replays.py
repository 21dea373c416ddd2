"""What a client sends again after it lost a socket takes effect once, and in the order of the first time."""

from __future__ import annotations

import asyncio
import json
import uuid
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect

from support.restartable import RestartableServer

Json = dict[str, Any]


async def send_all(server: RestartableServer, session: str, calls: list[tuple[str, str]]) -> list[Json]:
    """The responses to mutations that a socket of the session sends, in their order."""
    responses: list[Json] = []
    async with connect(f"ws://127.0.0.1:{server.port}/api/1.48.0/sync") as socket:
        await socket.send(json.dumps({"type": "Connect", "sessionId": session, "connectionCount": 0}))
        for number, (path, name) in enumerate(calls):
            message = {"type": "Mutation", "requestId": number, "udfPath": path, "args": [{"name": name}]}
            await socket.send(json.dumps(message))
        while len(responses) < len(calls):
            message = json.loads(await socket.recv())
            if message["type"] == "MutationResponse":
                responses.append(message)
    return sorted(responses, key=lambda response: response["requestId"])


def exists(server: RestartableServer, name: str) -> bool:
    body = {"path": "drafts:exists", "args": {"name": name}}
    answer: bool = httpx.post(f"http://127.0.0.1:{server.port}/api/query", json=body).json()["value"]
    return answer


@pytest.mark.parametrize("killed", [False, True], ids=["socket lost", "server killed"])
@pytest.mark.parametrize("first", ["discard", "discard_existing"], ids=["wrote nothing", "failed"])
def test_a_replay_of_what_had_no_effect_has_none_behind_later_ones(
    server: RestartableServer, first: str, killed: bool
) -> None:
    """`discard` found nothing, `save` saved: the discard that is sent again must not find what was saved."""
    name, session = f"{first} {killed}", str(uuid.uuid4())
    calls = [(f"drafts:{first}", name), ("drafts:save", name)]
    before = asyncio.run(send_all(server, session, calls))
    if killed:
        server.kill_serving_process()
        server.wait_until_it_answers()
    after = asyncio.run(send_all(server, session, calls))
    assert exists(server, name)
    assert [each["success"] for each in after] == [each["success"] for each in before]
    assert [each["result"] for each in after if each["success"]] == [
        each["result"] for each in before if each["success"]
    ]
