"""The log of security events: what people do is in it, with where from and with what. Check S44."""

from __future__ import annotations

import re

from pyotp.totp import TOTP

from support.houses import PASSWORD, House
from syncline.accounts import audit

ADDRESS, AGENT = "198.51.100.9", "Mozilla/5.0 (X11; Linux x86_64) Firefox/141.0"


def test_what_people_do_is_recorded_with_their_address_and_device(house: House) -> None:
    visitor = house.visitor(address=ADDRESS, agent=AGENT)
    visitor.get("/auth/sign-up")
    visitor.submit("/auth/sign-up", email="ann@example.com", password=PASSWORD)
    visitor.submit("/auth/verify", code=house.code("ann@example.com"))
    visitor.get("/auth/account")
    visitor.submit("/auth/account/profile", name="Ann")
    visitor.submit("/auth/account/emails", action="add", email="home@example.com")
    visitor.submit("/auth/verify", code=house.code("home@example.com"))
    visitor.get("/auth/api-keys")
    made = visitor.submit("/auth/api-keys", action="create", name="Robot")
    found = re.search(r'name="key" value="([^"]+)"', made.text)
    assert found
    visitor.submit("/auth/api-keys", action="revoke", key=found[1])
    secret = re.search(r"<code>([A-Z2-7 ]+)</code>", visitor.get("/auth/account/totp").text)
    assert secret
    visitor.submit("/auth/account/totp", code=TOTP(secret[1].replace(" ", "")).at(house.core.now()))
    visitor.get("/auth/account")
    visitor.submit("/auth/account/password", password="another long sentence 8")
    visitor.get("/auth/organizations")
    visitor.submit("/auth/organizations", action="create", name="Acme")
    place = re.search(r"/auth/organizations/(org_\w+)", visitor.get("/auth/organizations").text)
    assert place
    visitor.get(f"/auth/organizations/{place[1]}")
    visitor.submit(f"/auth/organizations/{place[1]}", action="invite", email="bob@example.com", role="member")
    visitor.submit("/auth/sign-out")
    visitor.sign_in("ann@example.com", "a wrong sentence 77")
    entries = house.do(audit.entries)
    wanted = {
        "sign_up", "sign_in", "sign_in.failed", "sign_out", "password.changed", "factor.added", "email.added",
        "api_key.created", "api_key.revoked", "user.renamed", "organization.created", "invitation.created",
    }  # fmt: skip
    assert wanted <= {entry["event"] for entry in entries}, wanted - {entry["event"] for entry in entries}
    lacking = [entry["event"] for entry in entries if (entry["address"], entry["agent"]) != (ADDRESS, AGENT)]
    assert lacking == []
