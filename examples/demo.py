"""`make demo`: the gate on both trees of the reference platform, by the real command."""

import json
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
GUARITA = Path(sysconfig.get_path("scripts")) / "guarita"


def gate(tree: str, folder: str) -> tuple[int, dict]:
    report = Path(folder) / f"{tree}.json"
    done = subprocess.run(
        [GUARITA, "scan", HERE / "platform" / tree, "--output", "text", "--output", f"json={report}"],
        check=False,
    )
    return done.returncode, json.loads(report.read_text())


with tempfile.TemporaryDirectory() as folder:
    print("── the good tree ──────────────────────────────────────────", flush=True)
    good, _ = gate("good", folder)
    print("\n── the faulty tree ────────────────────────────────────────", flush=True)
    faulty, report = gate("faulty", folder)
failing = [d for d in report["decisions"] if d["state"] == "failing"]
print(f"\ngood: exit {good} (wanted 0)   faulty: exit {faulty} (wanted 1), {len(failing)} findings fail")
sys.exit(0 if (good, faulty) == (0, 1) else 1)
