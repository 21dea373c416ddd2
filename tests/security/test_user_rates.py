"""A user who calls too often is told so; nobody else notices."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from support.issuers import LocalIssuer, clerk_token
from support.serving import Running, running
from support.sockets import SyncSocket

MODULES = {
    "__init__": "",
    "app": """
        from syncline import App
        from syncline.auth import Clerk

        app = App(auth=[Clerk(domain="ISSUER")])
    """,
    "calls": """
        from syncline import ActionCtx, MutationCtx, action, mutation


        @mutation(anonymous=True)
        def change(ctx: MutationCtx) -> str:
            return "changed"


        @action(anonymous=True)
        async def act(ctx: ActionCtx) -> str:
            return await ctx.run(change)
    """,
}
NOTHING: list[dict[str, object]] = [{}]
TOLD = "you have made more than 3 calls within a minute; go on in "


@pytest.fixture(scope="module")
def issuer() -> Iterator[LocalIssuer]:
    with LocalIssuer().running() as issuer:
        yield issuer


@pytest.fixture
def server(tmp_path: Path, issuer: LocalIssuer) -> Iterator[Running]:
    modules = {name: source.replace("ISSUER", issuer.url) for name, source in MODULES.items()}
    with running(tmp_path, modules, limits={"user_calls": 3}) as server:
        yield server


def post(server: Running, endpoint: str, path: str, token: str | None = None) -> httpx.Response:
    headers = {} if token is None else {"authorization": f"Bearer {token}"}
    return httpx.post(
        f"http://127.0.0.1:{server.port}/api/{endpoint}", json={"path": path, "args": {}}, headers=headers
    )


def test_one_user_is_told_when_and_others_go_on(server: Running, issuer: LocalIssuer) -> None:
    ada, eve = (clerk_token(issuer.url, time.time(), sub=name) for name in ("ada", "eve"))
    # What an action calls inside is its own business: it counts as one.
    assert post(server, "mutation", "calls:change", ada).json()["value"] == "changed"
    for _ in range(2):
        assert post(server, "action", "calls:act", ada).json()["value"] == "changed"
    refused = post(server, "mutation", "calls:change", ada)
    assert refused.status_code == 429 and refused.json()["code"] == "TooManyCalls"
    assert refused.json()["message"].startswith(TOLD)
    assert 1 <= int(refused.headers["retry-after"]) <= 21

    assert post(server, "mutation", "calls:change", eve).status_code == 200
    for _ in range(5):
        assert post(server, "mutation", "calls:change").status_code == 200


def test_sockets_count_for_the_same_user_and_stay_open(server: Running, issuer: LocalIssuer) -> None:
    token = clerk_token(issuer.url, time.time(), sub="ada")
    for _ in range(2):
        assert post(server, "mutation", "calls:change", token).status_code == 200
    with SyncSocket(server.port) as client:
        client.connect()
        client.send(type="Authenticate", baseVersion=0, tokenType="User", value=token)
        answers = list[tuple[bool, object]]()
        for number in range(3):
            client.send(type="Mutation", requestId=number, udfPath="calls:change", args=NOTHING)
        while len(answers) < 3:
            message = client.receive()
            if message["type"] == "MutationResponse":
                answers.append((message["success"], message["result"]))
    assert [success for success, _ in answers].count(True) == 1
    assert all(TOLD in str(result) for success, result in answers if not success)
