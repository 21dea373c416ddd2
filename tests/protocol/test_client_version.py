"""Which client is calling."""

from __future__ import annotations

import pytest

from syncline.protocol import ClientVersion, ProtocolError, Support, ValueFormat, Version, resolve_client


@pytest.mark.parametrize(
    ("header", "name", "version"),
    [
        ("npm-1.48.0", "npm", Version(1, 48, 0)),
        ("npm-cli-1.48.0", "npm-cli", Version(1, 48, 0)),
        ("Python-0.8.1", "python", Version(0, 8, 1)),
        ("python-convex-0.1.6", "python-convex", Version(0, 1, 6)),
        ("rust-0.10.4", "rust", Version(0, 10, 4)),
        ("npm-1.29.0-alpha.1", "npm", Version(1, 29, 0, is_release=False)),
        ("npm-1.29.0+build-5", "npm", Version(1, 29, 0)),
        ("my-own-client-2.0.0", "my-own-client", Version(2, 0, 0)),
    ],
)
def test_the_header_names_client_and_version(header: str, name: str, version: Version) -> None:
    assert resolve_client(header) == ClientVersion(name, version)


def test_the_version_in_the_path_is_npms_and_the_header_wins() -> None:
    assert resolve_client(None, "1.48.0") == ClientVersion("npm", Version(1, 48, 0))
    assert resolve_client("rust-0.10.4", "1.48.0") == ClientVersion("rust", Version(0, 10, 4))
    assert resolve_client(None) is None


@pytest.mark.parametrize(
    "header", ["npm", "", "npm-", "npm-1.2", "npm-01.2.3", "npm-1.2.3.4", "npm-99999999999.0.0"]
)
def test_a_header_without_a_version_is_refused(header: str) -> None:
    with pytest.raises(ProtocolError) as refused:
        resolve_client(header)

    assert (
        str(refused.value)
        == f"The header Convex-Client is {header!r}; it must be NAME-VERSION, such as npm-1.48.0"
    )
    assert refused.value.code == "InvalidClientVersion"


@pytest.mark.parametrize("version", ["", "latest", "1.48", "1.48.0 ", "v1.48.0", "１.48.0"])
def test_a_path_without_a_version_is_refused(version: str) -> None:
    with pytest.raises(ProtocolError) as refused:
        resolve_client(None, version)

    assert str(refused.value) == f"{version!r} in the path is not a version such as 1.48.0"
    assert refused.value.code == "InvalidClientVersion"


@pytest.mark.parametrize("header", ["npm-0.19.1", "npm-0.1.0", "python-0.0.2", "rust-0.0.1"])
def test_clients_of_long_ago_are_refused(header: str) -> None:
    with pytest.raises(ProtocolError) as refused:
        resolve_client(header)

    name, _, version = header.partition("-")
    assert str(refused.value) == (
        f"The client {name} {version} is no longer supported. Upgrade it to the newest version."
    )
    assert refused.value.code == "ClientVersionUnsupported"


@pytest.mark.parametrize(
    ("header", "support"),
    [
        ("npm-0.19.2", Support.SUPPORTED),
        ("python-0.2.0", Support.UPGRADE_REQUIRED),
        ("python-convex-0.1.6", Support.UPGRADE_REQUIRED),
        ("python-0.2.1", Support.SUPPORTED),
        ("rust-0.0.2", Support.SUPPORTED),
        ("unheard-of-0.0.1", Support.SUPPORTED),
    ],
)
def test_old_clients_are_told_to_upgrade(header: str, support: Support) -> None:
    client = resolve_client(header)

    assert client is not None
    assert client.support is support


@pytest.mark.parametrize(
    ("header", "chunks"),
    [
        ("npm-1.28.0", True),
        ("npm-1.48.0", True),
        ("npm-2.0.0", True),
        ("npm-1.27.9", False),
        ("npm-1.28.0-alpha.1", False),
        ("npm-cli-1.48.0", False),
        ("python-1.48.0", False),
        ("rust-1.48.0", False),
    ],
)
def test_only_newer_npm_clients_take_chunks(header: str, chunks: bool) -> None:
    client = resolve_client(header)

    assert client is not None
    assert client.supports_chunks is chunks


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("npm-1.4.0", ValueFormat.ENCODED),
        ("npm-1.4.1", ValueFormat.CLEAN),
        ("python-0.4.9", ValueFormat.ENCODED),
        ("python-0.5.0", ValueFormat.CLEAN),
        ("actions-1.0.0", ValueFormat.ENCODED),
        ("rust-0.1.0", ValueFormat.CLEAN),
    ],
)
def test_old_clients_get_encoded_values_by_default(header: str, expected: ValueFormat) -> None:
    client = resolve_client(header)

    assert client is not None
    assert client.default_format is expected
