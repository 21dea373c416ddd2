"""Make src/syncline/accounts/common_passwords.bin: `python scripts/common_passwords.py LIST`, a text file with a password a line.

The list that is shipped was made of the 30,000 passwords in the PyPI package `zxcvbn` and a few of our own.
"""

from __future__ import annotations

import sys
from pathlib import Path

from syncline.accounts.common_passwords import LIST, short_hash

OWN = ("syncline", "qwertyuiop", "letmein", "iloveyou", "changeme", "passw0rd", "convexdev")


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    words = {*Path(sys.argv[1]).read_text("utf-8").split(), *OWN}
    hashes = sorted({short_hash(word.casefold()) for word in words})
    LIST.write_bytes(b"".join(hashes))
    print(f"{len(hashes):,} passwords, {LIST.stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
