"""What functions run with in tests."""

from __future__ import annotations

from collections.abc import Mapping

from syncline.files import FileService
from syncline.functions import RunSettings
from syncline.functions.signed_tokens import TokenSigner
from syncline.kernel.limits import Limits
from syncline.kernel.secrets import SecretBox


def run_settings(limits: Limits, env: Mapping[str, str], files: FileService) -> RunSettings:
    """Settings whose secrets are everybody's: tests show nothing to anybody."""
    return RunSettings(
        limits=limits,
        env=env,
        secrets=SecretBox(bytes(32)),
        files=files,
        signer=TokenSigner(bytes(32), "https://syncline.test"),
    )
