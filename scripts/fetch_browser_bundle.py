"""Fetch the official client's browser bundle and its licence for the server to offer.

    python scripts/fetch_browser_bundle.py FOLDER

The version and its checksum are those of `tests/js/package-lock.json`; npm finds the package.
"""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

LOCK_FILE = Path(__file__).resolve().parent.parent / "tests" / "js" / "package-lock.json"
FILES = {
    "package/dist/browser.bundle.js": "browser.bundle.js",
    "package/LICENSE": "browser.bundle.LICENSE.txt",
}


def pinned() -> tuple[str, str]:
    """(version, integrity) of the `convex` package in the lock file."""
    package = json.loads(LOCK_FILE.read_text())["packages"]["node_modules/convex"]
    return package["version"], package["integrity"]


def pack(version: str, folder: Path) -> Path:
    """Let npm download the package's archive into `folder`."""
    command = ["npm", "pack", f"convex@{version}", "--silent", "--pack-destination", str(folder)]
    try:
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - a fixed command
    except FileNotFoundError:
        sys.exit("npm was not found: install Node 20 or newer to fetch the browser client")
    except subprocess.CalledProcessError as error:
        sys.exit(f"npm could not fetch convex {version} (exit code {error.returncode})")
    return next(folder.glob("*.tgz"))


def check(archive: bytes, integrity: str) -> None:
    algorithm, _, expected = integrity.partition("-")
    actual = base64.b64encode(hashlib.new(algorithm, archive).digest()).decode()
    if actual != expected:
        sys.exit(f"the archive's {algorithm} is {actual}, the lock file says {expected}: not used")


def main(target: Path) -> None:
    version, integrity = pinned()
    with tempfile.TemporaryDirectory() as temporary:
        path = pack(version, Path(temporary))
        check(path.read_bytes(), integrity)
        target.mkdir(parents=True, exist_ok=True)
        with tarfile.open(path) as archive:
            for member, name in FILES.items():
                content = archive.extractfile(member)
                if content is None:
                    sys.exit(f"convex {version} has no {member}")
                (target / name).write_bytes(content.read())
    print(f"browser client: convex {version} in {target}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
