"""Write rules.tsv: every rule that checkov, kingfisher and bandit know, as they name it themselves.

    python tests/data/severity/list_rules.py CHECKOV KINGFISHER BANDIT-PYTHON > tests/data/severity/rules.tsv

CHECKOV and KINGFISHER are the paths of the two programs, BANDIT-PYTHON an interpreter that has bandit. The
names are the tools' own words (checkov, kingfisher and bandit are under Apache-2.0); only their first line
is kept. zizmor lists no audits: those of its documentation (https://docs.zizmor.sh/audits/, MIT) are added
by hand.
"""

from __future__ import annotations

import json
import subprocess
import sys

_BANDIT = """
import json
from bandit.core.extension_loader import MANAGER
found = {plugin.plugin._test_id: plugin.name for plugin in MANAGER.plugins}
for entries in MANAGER.blacklist.values():
    found.update({entry["id"]: entry["name"] for entry in entries})
print(json.dumps(found))
"""


def main(checkov: str, kingfisher: str, bandit: str) -> None:
    bandit_version = [bandit, "-c", "import bandit; print(bandit.__version__)"]
    versions = {
        "checkov": _run([checkov, "--version"]).split()[-1],
        "kingfisher": _run([kingfisher, "--version"]).split()[-1],
        "bandit": _run(bandit_version).strip(),
    }
    print("#", ", ".join(f"{tool} {version}" for tool, version in versions.items()))
    print("tool", "rule", "frameworks", "name", sep="\t")
    rows = _checkov(checkov) | _kingfisher(kingfisher) | _bandit(bandit)
    for (tool, rule), (frameworks, name) in sorted(rows.items()):
        print(tool, rule, ",".join(sorted(frameworks)), " ".join(name.split()), sep="\t")


def _checkov(program: str) -> dict:
    rows: dict = {}
    for line in _run([program, "--list"]).splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) > 7 and cells[2].startswith("CKV"):
            rows.setdefault(("checkov", cells[2]), (set(), cells[5]))[0].add(cells[6])
    return rows


def _kingfisher(program: str) -> dict:
    rules = json.loads(_run([program, "rules", "list", "--quiet", "--no-update-check", "--format", "json"]))
    return {("kingfisher", rule["id"]): ({f"confidence:{rule['confidence']}"}, rule["name"]) for rule in rules}


def _bandit(python: str) -> dict:
    return {("bandit", rule): (set(), name) for rule, name in json.loads(_run([python, "-c", _BANDIT])).items()}


def _run(command: list[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    main(*sys.argv[1:])
