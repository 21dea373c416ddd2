"""Addresses of uploads and links to files prove themselves, for a time and for one purpose. Check S37."""

from __future__ import annotations

import pytest

from syncline.files import BadTokenError, UploadClaims
from syncline.files.signing import Signer

NOW = 1_700_000_000


def test_an_address_of_an_upload_ends() -> None:
    signer = Signer(b"k" * 32)
    claims = UploadClaims("nonce", NOW, most_bytes=10)
    token = signer.token(claims)
    assert signer.claims(token, NOW) == claims
    with pytest.raises(BadTokenError, match="this upload address has expired: ask for a new one"):
        signer.claims(token, NOW + 1)


def test_a_link_ends() -> None:
    signer = Signer(b"k" * 32)
    signature = signer.link("file", NOW)
    assert signer.check_link("file", str(NOW), signature, NOW) == NOW
    with pytest.raises(BadTokenError, match="this link has expired"):
        signer.check_link("file", str(NOW), signature, NOW + 1)


@pytest.mark.parametrize("expires", ["", "-1", "1e9", "9" * 13, "١٢٣"])
def test_a_time_that_is_none_is_refused(expires: str) -> None:
    with pytest.raises(BadTokenError, match="this link is incomplete"):
        Signer(b"k" * 32).check_link("file", expires, "", NOW)


def test_what_was_signed_for_something_else_is_refused() -> None:
    signer, other = Signer(b"k" * 32), Signer(b"o" * 32)
    token = signer.token(UploadClaims("nonce", NOW))
    body, _, signature = token.partition(".")
    wider = signer.token(UploadClaims("nonce", NOW + 100)).partition(".")[0]
    for wrong in (token[:-1], f"{wider}.{signature}", other.token(UploadClaims("nonce", NOW)), body, ".", ""):
        with pytest.raises(BadTokenError, match="was not made here"):
            signer.claims(wrong, NOW)
    for key, expires, made in (
        ("other", NOW, signer.link("file", NOW)),
        ("file", NOW + 1, signer.link("file", NOW)),
        ("file", NOW, other.link("file", NOW)),
        ("file", NOW, ""),
    ):
        with pytest.raises(BadTokenError, match="this link was not made here"):
            signer.check_link(key, str(expires), made, NOW)
    # A link's signature is none of an upload, whatever its key is.
    as_link = signer.link(body, NOW)
    assert as_link != signer.token(UploadClaims("nonce", NOW)).partition(".")[2]
    with pytest.raises(BadTokenError):
        signer.claims(f"{body}.{NOW}.{as_link}", NOW)
    with pytest.raises(BadTokenError):
        signer.claims(f"{body}.{signer.link('', NOW)}", NOW)
