"""The built wheel in fresh environments, each with one extra: what it brings works, what it lacks says so.

Run by .ci/run: `python tests/extras.py WHEEL`.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

WHEEL = Path(sys.argv[1]).resolve()
ROOT = Path(__file__).parents[1]
UV = shutil.which("uv") or str(ROOT / ".uv/bin/uv")
LOCKED = re.findall(r"^([\w.-]+)==([^\s;\\]+)", (ROOT / "requirements/dev.txt").read_text(), re.MULTILINE)
# A name that is locked twice has versions for several machines, and uv knows better which is ours.
PINS = [f"{name}=={version}" for name, version in LOCKED if [n for n, _ in LOCKED].count(name) == 1]
# (extra, code that must run, command lines with the status and a word that they must give)
CASES = (
    (
        "",
        "import guarita.audit",
        [
            ("scan .", 2, "pip install 'guarita[scan]'"),
            ("audit --help", 0, "verify"),
            ("rotate status", 2, "pip install 'guarita[rotation]'"),
            ("pii scan .", 2, "pip install 'guarita[pii]'"),
            ("seal --help", 0, "SealedSecret"),
        ],
    ),
    (
        "alerts",
        "import guarita.detection.alerts.channels.webhook",
        [("detect alerts --help", 0, "silence")],
    ),
    ("detection", "import guarita.detection.detector", [("detect test", 0, "0 failed")]),
    ("gateway", "import guarita.gateway.core, guarita.gateway.keys", [("scan .", 2, "guarita[scan]")]),
    ("rotation", "import guarita.rotation.interface", [("rotate --help", 0, "drill")]),
    ("pii", "from guarita.pii import IngestGate", [("pii scan --ledger none a.py", 0, "")]),
    ("scan", "import guarita.scan.gate, guarita.pii", [("scan --scanner code --ledger none .", 0, "PASSED")]),
)


def run(words: list[str], **options: object) -> subprocess.CompletedProcess:
    return subprocess.run(words, check=False, capture_output=True, text=True, **options)


def failures(extra: str, code: str, commands: list[tuple[str, int, str]], folder: Path) -> list[str]:
    """What is wrong with this extra."""
    venv = folder / "venv"
    pins = folder / "pins.txt"
    pins.write_text("\n".join(PINS))
    wheel = f"{WHEEL}[{extra}]" if extra else str(WHEEL)
    for words in (
        [UV, "venv", "--quiet", "--python", sys.executable, str(venv)],
        [UV, "pip", "install", "--quiet", "--python", str(venv / "bin/python"), "-c", str(pins), wheel],
    ):
        done = run(words)
        if done.returncode:
            return [f"cannot be installed: {done.stderr[-500:]}"]
    found = []
    done = run([str(venv / "bin/python"), "-I", "-c", code])
    if done.returncode:
        found.append(f"{code}: {done.stderr[-500:]}")
    work = folder / "work"
    work.mkdir()
    (work / "a.py").write_text("x = 1\n")
    for words, status, word in commands:
        done = run([str(venv / "bin/guarita"), *words.split()], cwd=work, env={**os.environ, "NO_COLOR": "1"})
        said = done.stdout + done.stderr
        if done.returncode != status or word not in said or "Traceback" in said:
            found.append(f"guarita {words}: status {done.returncode}, {said[-500:]}")
    return found


wrong = 0
for extra, code, commands in CASES:
    with tempfile.TemporaryDirectory() as name:
        problems = failures(extra, code, commands, Path(name))
    print(f"extra {extra or '(none)'}: {'; '.join(problems) or 'holds'}", flush=True)
    wrong += bool(problems)
sys.exit(1 if wrong else 0)
