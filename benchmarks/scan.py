"""`guarita scan` against checkov, bandit and Presidio's analyzer, one after another by their own commands.

The work is a generated platform repository; every ratio is of one run on one machine. The peers do less: they
look for no secrets, account for no file, and Presidio runs with patterns only, without a model.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from harness import Bench, Spent, spend
from platform_repository import write

from guarita.scan.tools import checkov_python

SCRIPTS = Path(sysconfig.get_path("scripts"))
WALL_BAR = 0.6
GROWTH_BAR = 1.5
"""The cost of a file at full size, against that at a quarter of it."""


def repository(folder: Path, scale: float) -> Path:
    """A committed repository of that scale."""
    root = folder / f"scale-{scale:g}"
    written = write(root, scale)
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "platform"]):
        subprocess.run(
            ["git", "-c", "user.name=b", "-c", "user.email=b@example.com", *words], cwd=root, check=True
        )
    bench.say(
        f"scale {scale:g}: {written.files} files, {written.python_lines:,} lines of Python, "
        f"{written.megabytes:.1f} MB"
    )
    return root


def guarita(root: Path) -> Spent:
    """Our command on all of it."""
    argv = [SCRIPTS / "guarita", "scan", root, "--output", "json", "--ledger", root.parent / "ledger.db"]
    spent = spend(argv, cwd=root.parent)
    if spent.status != 1:
        sys.exit(f"guarita ended with {spent.status}, not with findings")
    return spent


def peers(root: Path) -> dict[str, Spent]:
    """Each tool by its own command, from a neutral folder."""
    found = checkov_python()
    if found is None:
        sys.exit("checkov is missing: run `guarita tools sync`")
    checkov = [found[0], "-m", "checkov.main", "--directory", root, "--skip-download", "--compact", "--quiet"]
    frameworks = [
        "--framework",
        "kubernetes",
        "helm",
        "kustomize",
        "terraform",
        "dockerfile",
        "github_actions",
    ]
    bandit = [SCRIPTS / "bandit", "-q", "-r", root / "services", "-f", "json"]
    presidio = [sys.executable, Path(__file__).parent / "peers/presidio.py", root / "docs"]
    return {
        "checkov": spend([*checkov, *frameworks, "--output", "json"], cwd=root.parent),
        "bandit": spend(bandit, cwd=root.parent),
        "presidio": spend(presidio, cwd=root.parent),
    }


bench = Bench.started("guarita scan against checkov, bandit and Presidio one after another")
with tempfile.TemporaryDirectory(prefix="guarita-bench-") as name:
    folder = Path(name)
    full = 0.2 if bench.quick else 1.0
    small = repository(folder, full / 4)
    guarita(small)  # compiles the rules of the secrets engine, once on a machine
    at_small = guarita(small)
    root = repository(folder, full)
    ours, theirs = guarita(root), peers(root)
    files = [
        sum(1 for path in place.rglob("*") if path.is_file() and ".git" not in path.parts)
        for place in (small, root)
    ]
for name, spent in {"guarita": ours, **theirs}.items():
    bench.add(f"{name}, wall", spent.wall, "s")
    bench.add(f"{name}, CPU", spent.cpu, "s")
    bench.add(f"{name}, largest process", spent.peak, "MB")
bench.add(
    "wall of guarita / sum of the others",
    ours.wall / sum(s.wall for s in theirs.values()),
    "ratio",
    at_most=WALL_BAR,
)
bench.add("CPU of guarita / sum of the others", ours.cpu / sum(s.cpu for s in theirs.values()), "ratio")
growth = (ours.wall / files[1]) / (at_small.wall / files[0])
bench.add(f"wall a file at {files[1]} files / at {files[0]}", growth, "ratio", at_most=GROWTH_BAR)
sys.exit(bench.finish())
