"""Look up the pinned packages in a database of known vulnerabilities, or say that it could not be asked.

    python tools/audit.py

Uses pip-audit in an environment of its own (.venv-audit). Exit code 0: all were looked up, nothing is known; 1: there
are vulnerabilities, listed; 2: some or all packages could not be looked up, which pip-audit itself counts as success.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv-audit"
FILES = ("serving/requirements.txt", "serving/requirements-openvino.txt", "constraints/cpu.txt")


def audit(name: str) -> int:
    command = [
        str(VENV / "bin" / "pip-audit"),
        "--disable-pip",
        "--no-deps",
        "--format",
        "json",
        "-r",
        str(ROOT / name),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        print(f"{name}: not audited: {reason[:200]}", file=sys.stderr)
        return 2
    skipped = [package["name"] for package in packages if "skip_reason" in package]
    found = [(package, flaw) for package in packages for flaw in package.get("vulns", [])]
    for package, flaw in found:
        fixed = ", ".join(flaw["fix_versions"]) or "no version"
        print(f"{name}: {package['name']} {package['version']}: {flaw['id']}, fixed in {fixed}")
    looked_up = len(packages) - len(skipped)
    print(f"{name}: {looked_up} of {len(packages)} packages looked up, {len(found)} vulnerabilities known")
    if skipped:
        print(f"{name}: the database could not be asked about {', '.join(skipped[:5])} …", file=sys.stderr)
    return 1 if found else (2 if skipped else 0)


def main() -> int:
    if not (VENV / "bin" / "pip-audit").is_file():
        subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=True)
        install = [str(VENV / "bin" / "pip"), "install", "--quiet", "pip-audit"]
        if subprocess.run(install, check=False).returncode:
            print("not audited: pip-audit could not be installed", file=sys.stderr)
            return 2
    return max(audit(name) for name in FILES)


if __name__ == "__main__":
    raise SystemExit(main())
