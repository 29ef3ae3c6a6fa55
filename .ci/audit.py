"""Hold what is pinned against the known vulnerabilities: exit status 1 where there are some.

What pip-audit asks is a service on the internet. Where that is not reached, or knows none of the packages, as a mirror
of the index may not, that file was not audited: that is said, and no failure.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

REQUIREMENTS = sorted(Path(__file__).parent.parent.joinpath("requirements").glob("*.txt"))


def main() -> int:
    """Print what was found."""
    found, audited = set(), set()
    for path in REQUIREMENTS:
        known = _ask(path)
        audited |= {(each["name"], each["version"]) for each in known}
        found |= {f"{each['name']} {each['version']}: {flaw['id']}" for each in known for flaw in each["vulns"]}
    print("\n".join([*sorted(found), f"{len(audited)} packages audited, {len(found)} known vulnerabilities"]))
    return min(len(found), 1)


def _ask(path: Path) -> list[dict[str, Any]]:
    """The packages of a file that the service knows, with their flaws; where it knows none, why is printed."""
    words = ["--disable-pip", "--requirement", str(path), "--format", "json", "--progress-spinner", "off"]
    asked = [sys.executable, "-m", "pip_audit", "--timeout", "10", *words]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    try:
        packages: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        print(f"{path.name} skipped: {(done.stderr.strip().splitlines() or ['pip-audit said nothing'])[-1]}")
        return []
    known = [each for each in packages if "skip_reason" not in each]
    if not known:
        print(f"{path.name} skipped: the service knows none of its {len(packages)} packages")
    return known


if __name__ == "__main__":
    sys.exit(main())
