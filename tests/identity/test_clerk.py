"""The tokens that these tests make are as Clerk's: its own backend package agrees about each of them."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import RSAKey

from support.issuers import clerk_claims, clerk_token, public, rsa_key, sign
from support.node import node_modules
from syncline.auth import Clerk
from syncline.identity import Issuer, KeySet, LocalKeys, Verdict, Verified, Verifier
from syncline.kernel.clock import SystemClock
from syncline.kernel.limits import Limits

__all__ = ["node_modules"]

ISSUER = "https://test-1.clerk.accounts.dev"
PARTY = "http://localhost:3000"


def verdicts_of_clerk(folder: Path, tokens: list[str]) -> list[dict[str, Any]]:
    options = {"authorizedParties": [PARTY], "audience": "convex"}
    key = rsa_key().as_pem(private=False).decode()
    lines = [json.dumps({"token": token, "key": key, "options": options}) for token in tokens]
    done = subprocess.run(
        ["node", "clerk.mjs"], cwd=folder, input="\n".join(lines), capture_output=True, text=True, check=True
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def verdict_of_ours(token: str) -> Verdict:
    verifier = Verifier(SystemClock(), Limits())
    declared = Clerk(domain=ISSUER, authorized_parties=[PARTY])
    keys = LocalKeys(KeySet.load(public(rsa_key())))
    verifier.configure(
        [
            Issuer(
                declared.domain,
                keys,
                frozenset({"RS256"}),
                frozenset({declared.audience}),
                frozenset(declared.authorized_parties),
            )
        ]
    )
    verdicts: list[Verdict] = []
    verifier(token, verdicts.append)
    return verdicts[0]


@pytest.mark.node
def test_clerks_package_and_the_verifier_agree_about_every_token(node_modules: Path) -> None:
    now = time.time()
    stranger = RSAKey.generate_key(2048, {"kid": "ins_1"})
    header = {"alg": "RS256", "kid": "ins_1", "typ": "JWT", "cat": "cl_B7d4PD111AAA"}
    right = clerk_token(ISSUER, now)
    signed, _, signature = right.rpartition(".")
    tokens = {
        "right": right,
        "without a party": clerk_token(ISSUER, now, azp=None),
        "another party": clerk_token(ISSUER, now, azp="https://evil.example.com"),
        "another audience": clerk_token(ISSUER, now, aud="other"),
        "expired": clerk_token(ISSUER, now, exp=int(now) - 60),
        "not yet": clerk_token(ISSUER, now, nbf=int(now) + 600),
        "made in the future": clerk_token(ISSUER, now, iat=int(now) + 600),
        "by a stranger": sign(header, clerk_claims(ISSUER, now), stranger),
        "another algorithm": sign(header | {"alg": "HS256"}, clerk_claims(ISSUER, now), rsa_key()),
        "no algorithm": sign(header | {"alg": "none"}, clerk_claims(ISSUER, now), rsa_key()),
        "another signature": f"{signed}.{signature[:-8]}AAAAAAAA",
        "no subject": clerk_token(ISSUER, now, sub=None),
        "no end": clerk_token(ISSUER, now, exp=None),
        "nothing": "nothing",
    }
    theirs = dict(zip(tokens, verdicts_of_clerk(node_modules, list(tokens.values())), strict=True))
    for name, token in tokens.items():
        ours = verdict_of_ours(token)
        assert isinstance(ours, Verified) == ("subject" in theirs[name]), (name, ours, theirs[name])
    assert theirs["right"] == {"subject": "user_2abc"}
    assert [name for name, verdict in theirs.items() if "subject" in verdict] == ["right"]
