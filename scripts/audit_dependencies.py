"""Ask PyPI and npm for known vulnerabilities of what Syncline installs, and list the components.

    python scripts/audit_dependencies.py audit TOOLS RUNTIME
    python scripts/audit_dependencies.py components TOOLS RUNTIME FILE

RUNTIME is a virtual environment with Syncline, all its extras but `dev`, and nothing else; TOOLS one with
`pip-audit` and `cyclonedx-bom`. `make audit-dependencies` and `make components` make both. The audit fails
if something is known to be vulnerable, and if it could not be found out. The list is CycloneDX JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OURS = "syncline"


def run(command: list[str], folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, cwd=folder, capture_output=True, text=True)  # noqa: S603 - fixed commands
    except FileNotFoundError:
        sys.exit(f"error: {command[0]} was not found; `make audit-dependencies` installs all but npm")


def unanswered(who: str, output: str) -> str:
    reason = output.strip().splitlines()
    return (
        f"{who} could not be asked: {reason[-1] if reason else 'it said nothing'}. Nothing is known of these"
        " packages, neither good nor bad: look whether this machine reaches it, and run this once more"
    )


def vulnerable_python(tools: Path, runtime: Path) -> Iterator[str]:
    """What is wrong with the packages of `runtime`, or that PyPI did not answer for one."""
    [packages] = runtime.glob("lib/python3*/site-packages")
    done = run(
        [
            str(tools / "bin" / "pip-audit"),
            "--path",
            str(packages),
            "--format",
            "json",
            "--progress-spinner",
            "off",
        ]
    )
    if done.returncode not in (0, 1) or not done.stdout.startswith("{"):
        yield unanswered("pypi.org", done.stderr)
        return
    listed = [entry for entry in json.loads(done.stdout)["dependencies"] if entry["name"] != OURS]
    # pip-audit counts a package that PyPI does not know as fine, and so everything behind a mirror.
    unknown = [entry["name"] for entry in listed if "skip_reason" in entry]
    if unknown:
        some = ", ".join(unknown[:5]) + (", ..." if len(unknown) > 5 else "")
        yield unanswered("pypi.org", f"it says nothing of {len(unknown)} packages ({some})")
    for entry in listed:
        for found in entry.get("vulns", ()):
            better = " or ".join(found["fix_versions"]) or "no version yet"
            yield f"{entry['name']} {entry['version']}: {found['id']}, repaired in {better}"
    print(f"Python: {len(listed) - len(unknown)} packages looked up")


def vulnerable_npm(lock: Path) -> Iterator[str]:
    """What is wrong with the packages of a lock file, or that npm's registry did not answer."""
    name = lock.parent.relative_to(ROOT)
    done = run(["npm", "audit", "--package-lock-only", "--json"], lock.parent)
    answer = json.loads(done.stdout) if done.stdout.startswith("{") else {}
    if "vulnerabilities" not in answer:
        yield f"{name}: {unanswered('npm', answer.get('message', done.stderr))}"
        return
    for package, entry in answer["vulnerabilities"].items():
        better = "`npm audit fix` repairs it" if entry["fixAvailable"] else "no version repairs it yet"
        yield f"{name}: {package} {entry['range']}: {entry['severity']}; {better}"
    print(f"{name}: {answer['metadata']['dependencies']['total']} packages looked up")


def lock_files() -> list[Path]:
    listed = run(["git", "ls-files", "*package-lock.json"]).stdout.splitlines()
    return [ROOT / name for name in listed]


def audit(tools: Path, runtime: Path) -> None:
    problems = list(vulnerable_python(tools, runtime))
    for lock in lock_files():
        problems += vulnerable_npm(lock)
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)
    sys.exit(bool(problems))


def components(tools: Path, runtime: Path, target: Path) -> None:
    """Write the list of what an installation consists of, with versions and licences."""
    target.parent.mkdir(parents=True, exist_ok=True)
    done = run(
        [str(tools / "bin" / "cyclonedx-py"), "environment", "--output-reproducible", "--output-format", "JSON",
         "--pyproject", str(ROOT / "pyproject.toml"), "--output-file", str(target), str(runtime / "bin" / "python")]
    )  # fmt: skip
    if done.returncode:
        sys.exit(f"error: no list of components was written: {done.stderr.strip()}")
    print(f"{len(json.loads(target.read_text())['components'])} components in {target}")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["audit", tools, runtime]:
            audit(Path(tools), Path(runtime))
        case ["components", tools, runtime, file]:
            components(Path(tools), Path(runtime), Path(file))
        case _:
            sys.exit(__doc__)
