"""`syncline start` refuses what is meant for development, and says what to set instead. Check S48."""

from __future__ import annotations

import base64
import secrets
from pathlib import Path

import pytest

from support.applications import write_application
from support.houses import CHEAP, house
from support.processes import syncline
from support.serving import running
from syncline.auth import Accounts, EmailCode, GitHub, OpenIDSignIn
from syncline.functions import App
from syncline.kernel.errors import SetupError
from syncline.server.accounts import account_settings
from syncline.server.production import check_production, guessable
from syncline.server.settings import Mode, Settings, load_settings

MODULES = {
    "functions": "from syncline import QueryCtx, query\n\n\n@query\ndef one(ctx: QueryCtx) -> int:\n    return 1\n"
}
GOOD_KEY = "acme|" + "9f2c41d07be85a36" + "e1b4087d5fa2c963"


@pytest.mark.parametrize(
    ("secret", "why"),
    [
        ("9f2c41d07be85a36e1b4087d5fa2c96", "it has 31 characters, of 32 that it needs"),
        ("please-change-me-9f2c41d07be85a36e1b4", "it has 'change-me' in it, as examples do"),
        ("your-admin-key-9f2c41d07be85a36e1b40", "it has 'your-' in it, as examples do"),
        ("SuperSecret-9f2c41d07be85a36e1b4087d", "it has 'Secret' in it, as examples do"),
        ("secret" * 20, "it has 'secret' in it, as examples do"),
        ("0" * 64, "it is made of 1 different characters"),
        ("0123456789abcdef" * 2, "it repeats itself"),
        ("ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`", "it only counts up"),
        (bytes(range(7, 39)), "it only counts up"),
        (b"\xab" * 32, "it is made of 1 different characters"),
    ],
)
def test_what_others_could_guess_is_told_from_what_they_could_not(secret: str | bytes, why: str) -> None:
    assert guessable(secret, 32) == why


def test_what_is_random_is_never_taken_for_guessable() -> None:
    for _ in range(300):
        assert guessable(secrets.token_hex(16), 32) is None
        assert guessable(f"prod-secret-{secrets.token_hex(16)}", 32) is None
        assert guessable(secrets.token_urlsafe(32), 32) is None
        assert guessable(secrets.token_bytes(32), 32) is None


@pytest.mark.parametrize(
    ("environment", "complaint", "remedy"),
    [
        (
            {"SYNCLINE_ADMIN_KEY": "acme|0123456789abcdef"},
            "the environment variable SYNCLINE_ADMIN_KEY holds an admin key that others could guess: it has 16 characters, of 32 "
            "that it needs. Whoever has it may do anything here",
            "make one: python -c",
        ),
        (
            {"SYNCLINE_DATA_KEY": "ab" * 32},
            "the environment variable SYNCLINE_DATA_KEY is a key that others could guess: it is made of 1 different characters",
            "secrets.token_hex(32)",
        ),
        (
            {"SYNCLINE_MAIL_SECRET": "whsec_" + base64.b64encode(bytes(range(32))).decode()},
            "the environment variable SYNCLINE_MAIL_SECRET is a secret that others could guess: it only counts up",
            "whsec_",
        ),
        (
            {"SYNCLINE_TRUSTED_PROXIES": "10.0.0.0/8, 0.0.0.0/0"},
            "SYNCLINE_TRUSTED_PROXIES trusts 0.0.0.0/0: anybody there could say to be any address",
            "name the proxies",
        ),
        ({"SYNCLINE_TRUSTED_PROXIES": "::/0"}, "SYNCLINE_TRUSTED_PROXIES trusts ::/0", "name the proxies"),
        ({"SYNCLINE_TRUSTED_PROXIES": "128.0.0.0/1"}, "trusts 128.0.0.0/1", "name the proxies"),
        ({"SYNCLINE_TRUSTED_PROXIES": "*"}, "SYNCLINE_TRUSTED_PROXIES cannot be read", "it lists networks"),
    ],
)  # fmt: skip
def test_a_dangerous_environment_is_refused(
    tmp_path: Path, environment: dict[str, str], complaint: str, remedy: str
) -> None:
    with (
        pytest.raises(SetupError) as refused,
        running(tmp_path, MODULES, mode=Mode.START, environment=environment),
    ):
        pass
    assert complaint in str(refused.value) and remedy in str(refused.value)
    assert not (tmp_path / "data").exists()  # Nothing was begun.


def test_a_weak_admin_key_in_the_data_folder_is_refused_too(tmp_path: Path) -> None:
    (tmp_path / "admin_key").write_text("acme|changeme-changeme-changeme-changeme\n")
    with pytest.raises(SetupError, match=r"the file .*admin_key holds an admin key that others could guess"):
        check_production(tmp_path, {})


def test_keys_and_networks_as_they_should_be_are_taken(tmp_path: Path) -> None:
    check_production(tmp_path, {})
    environment = {
        "SYNCLINE_ADMIN_KEY": GOOD_KEY,
        "SYNCLINE_DATA_KEY": secrets.token_hex(32),
        "SYNCLINE_TRUSTED_PROXIES": "10.0.0.0/8 172.16.0.0/12 127.0.0.1 fc00::/7 2400:cb00::/32",
    }
    check_production(tmp_path, environment)


def test_development_takes_what_production_does_not(tmp_path: Path) -> None:
    weak = {"SYNCLINE_ADMIN_KEY": "acme|0123456789abcdef", "SYNCLINE_TRUSTED_PROXIES": "0.0.0.0/0"}
    with running(tmp_path, MODULES, environment=weak) as server:
        assert server.value("query", "functions:one") == 1


@pytest.mark.parametrize(
    ("service", "where"),
    [
        (OpenIDSignIn(name="acme", issuer="http://localhost:8080"), "acme at http://localhost:8080"),
        (GitHub(host="http://127.0.0.1:3000"), "github at http://127.0.0.1:3000"),
    ],
)
def test_services_to_sign_in_at_are_not_asked_over_http(
    tmp_path: Path, service: OpenIDSignIn | GitHub, where: str
) -> None:
    settings = Settings(backend=tmp_path, data=tmp_path)
    with pytest.raises(SetupError, match=f"people would sign in with {where}: over http") as refused:
        account_settings(settings, Mode.START, App(auth=[service]), {})
    assert "use https:// in production" in str(refused.value)
    account_settings(settings, Mode.DEV, App(auth=[service]), {})


def test_no_list_of_origins_takes_everybody(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="which is no URL of an issuer"):
        Accounts(redirects=["*"])
    with pytest.raises(SetupError, match=r"SYNCLINE_ORIGINS is '\*'; it must be an origin, without a path"):
        load_settings(tmp_path, {"SYNCLINE_ORIGINS": "*"})


def test_forms_of_pages_lead_to_development_servers_in_development_only(tmp_path: Path) -> None:
    for production in (False, True):
        url = "https://example.com"
        with house(tmp_path, CHEAP, Accounts(algorithm="ES256"), production=production, url=url) as built:
            policy = built.visitor().get("/auth/sign-in").headers["content-security-policy"]
        assert ("localhost" in policy, "127.0.0.1" in policy) == (not production, not production)


def test_accounts_that_were_proved_with_the_fixed_code_are_not_taken_to_production(tmp_path: Path) -> None:
    tester, real = "Ann+test@example.com", "ann@example.com"
    ways = (CHEAP, EmailCode(), Accounts(algorithm="ES256"))
    with house(tmp_path, *ways) as built:
        for email in (tester, real):
            built.sign_up(email, address="127.0.0.1")
        assert built.code(tester) == "424242" != built.code(real)
    with pytest.raises(SetupError) as refused, house(tmp_path, *ways, production=True):
        pass
    assert (
        "there are accounts of addresses that were proved in development with the code 424242, which everybody knows: "
        "Ann+test@example.com" in str(refused.value)
    )
    assert "delete them: syncline users delete Ann+test@example.com" in str(refused.value)
    with house(tmp_path, *ways) as built:
        assert built.accounts.users.delete(tester)
    with house(tmp_path, *ways, production=True, url="https://example.com") as built:
        built.sign_up(
            tester, address="127.0.0.1"
        )  # Somebody's real address, proved by a code that nobody knows.
        assert built.code(tester) != "424242"
    with house(tmp_path, *ways, production=True, url="https://example.com") as built:
        assert built.accounts.users.get(tester).email == tester


def test_the_command_says_what_is_wrong_and_serves_nothing(tmp_path: Path) -> None:
    write_application(tmp_path, **MODULES)
    done = syncline(
        "start", "--port", "0", folder=tmp_path, variables={"SYNCLINE_ADMIN_KEY": "acme|changeme-changeme"}
    )
    assert done.returncode == 1
    assert done.stderr.count("SYNCLINE_ADMIN_KEY holds an admin key that others could guess") == 1
    assert "help: make one: python -c" in done.stderr
    assert "ready" not in done.stdout


def test_functions_do_not_find_the_secrets_of_the_server_in_their_environment(tmp_path: Path) -> None:
    """Code of the application is trusted, and could look elsewhere; what it prints of `ctx.env` has none of them."""
    source = """
        from syncline import QueryCtx, query


        @query
        def everything(ctx: QueryCtx) -> list[str]:
            return [f"{name}={ctx.env[name]}" for name in ctx.env]
    """
    environment = {
        "SYNCLINE_ADMIN_KEY": GOOD_KEY,
        "SYNCLINE_DATA_KEY": secrets.token_hex(32),
        "SYNCLINE_MAIL_URL": "smtps://someone:planted-password@mail.example.com",
        "SYNCLINE_MAIL_SECRET": "planted-mail-secret",
        "WORD": "shown",
    }
    with running(tmp_path, {"functions": source}, environment=environment) as server:
        found = server.value("query", "functions:everything")
    assert "WORD=shown" in found
    hidden = [value for name, value in environment.items() if name != "WORD"]
    assert not [each for each in found if any(value in each for value in hidden)]
