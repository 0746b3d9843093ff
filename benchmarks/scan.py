"""`guarita scan` against checkov, bandit and Presidio's analyzer, one after another by their own commands.

The work is a generated platform repository of 100, 1,000 and (without `--quick`) 10,000 files; every ratio is of one
run on one machine. Cold is without results, with the secrets engine's rules compiled, as after the first run on a
machine. Warm is the same tree again. Changed is after one file of each kind was edited in turn, with engines kept in
memory, and the slowest counts. The peers do less: they look for no secrets, account for no file, and Presidio runs
with patterns only, without a model. At 100 files the start of one Python is most of a warm run, so its ratios have
no bar.
"""

from __future__ import annotations

import os
import shutil
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
ROOT = Path(__file__).parents[1]
SIZES = (100, 1000, 10_000)
AT_SCALE_1 = 900
"""Files that the generator writes at scale 1."""
BARS = {"cold": 0.35, "warm": 0.02, "changed": 0.05}
FROM = 1000
"""Files from which the bars hold."""
EDITS = {
    "Python": ("services", "*.py", "\nEDITED = {}\n"),
    "manifest": ("deploy", "deployment.yaml", "\n# edited {}\n"),
    "document": ("docs", "*.md", "\nedited {}\n"),
}


def repository(folder: Path, files: int) -> Path:
    """A committed repository of about so many files."""
    root = folder / f"files-{files}"
    written = write(root, files / AT_SCALE_1)
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "platform"]):
        subprocess.run(
            ["git", "-c", "user.name=b", "-c", "user.email=b@example.com", *words], cwd=root, check=True
        )
    bench.say(f"{written.files} files, {written.python_lines:,} lines of Python, {written.megabytes:.1f} MB")
    return root


def guarita(root: Path, cache: Path, *words: str) -> Spent:
    """Our command on all of it."""
    argv = [SCRIPTS / "guarita", "scan", root, "--cache", cache, "--output", "json", *words]
    spent = spend([*argv, "--ledger", root.parent / "ledger.db"], cwd=root.parent, env=ENVIRONMENT)
    if spent.status != 1:
        sys.exit(f"guarita ended with {spent.status}, not with findings")
    return spent


def changed(root: Path, cache: Path) -> Spent:
    """The slowest run after one edit, with engines that an earlier one has started."""
    slowest: Spent | None = None
    for round_number in range(2):
        for kind, (folder, pattern, text) in EDITS.items():
            target = min((root / folder).rglob(pattern))
            target.write_text(target.read_text() + text.format(round_number))
            spent = guarita(root, cache, "--warm")
            if round_number:
                bench.add(f"one {kind} changed, wall", spent.wall, "s")
                slowest = spent if slowest is None or spent.wall > slowest.wall else slowest
    assert slowest is not None
    return slowest


def peers(root: Path) -> dict[str, Spent]:
    """Each tool by its own command, from a neutral folder."""
    found = checkov_python()
    if found is None:
        sys.exit("checkov is missing: run `guarita tools sync`")
    checkov = [found[0], "-m", "checkov.main", "--directory", root, "--skip-download", "--compact", "--quiet"]
    frameworks = ["kubernetes", "helm", "kustomize", "terraform", "dockerfile", "github_actions"]
    bandit = [SCRIPTS / "bandit", "-q", "-r", root / "services", "-f", "json"]
    presidio = [sys.executable, Path(__file__).parent / "peers/presidio.py", root / "docs"]
    return {
        "checkov": spend([*checkov, "--framework", *frameworks, "--output", "json"], cwd=root.parent),
        "bandit": spend(bandit, cwd=root.parent),
        "presidio": spend(presidio, cwd=root.parent),
    }


def measure(folder: Path, files: int, compiled: Path) -> None:
    """All figures at one size."""
    root, cache = repository(folder, files), folder / f"cache-{files}"
    cache.mkdir(mode=0o700)
    shutil.copytree(compiled / "kingfisher", cache / "kingfisher")
    theirs = peers(root)
    ours = {
        "cold": guarita(root, cache),
        "warm": min((guarita(root, cache) for _ in range(3)), key=lambda s: s.wall),
    }
    ours["changed"] = changed(root, cache)
    for name, spent in {**theirs, **{f"guarita, {name}": spent for name, spent in ours.items()}}.items():
        bench.add(f"{files} files: {name}, wall", spent.wall, "s")
    bench.add(f"{files} files: guarita, cold, CPU", ours["cold"].cpu, "s")
    bench.add(f"{files} files: guarita, cold, largest process", ours["cold"].peak, "MB")
    bench.add(f"{files} files: guarita, warm, largest process", ours["warm"].peak, "MB")
    together = sum(spent.wall for spent in theirs.values())
    for name, spent in ours.items():
        bar = {"at_most": BARS[name]} if files >= FROM else {}
        bench.add(f"{files} files: {name} / sum of the others, wall", spent.wall / together, "ratio", **bar)


bench = Bench.started("guarita scan against checkov, bandit and Presidio one after another")
with tempfile.TemporaryDirectory(prefix="guarita-bench-") as name:
    place = Path(name)
    (place / "run").mkdir(mode=0o700)
    # Modules compiled once, as an installation has them, and warm engines of this run alone.
    ENVIRONMENT = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    ENVIRONMENT["XDG_RUNTIME_DIR"] = str(place / "run")
    for part in ("security", "policies", "secrets", "scanners"):
        subprocess.run([sys.executable, "-m", "compileall", "-q", ROOT / part], check=True)
    primed = place / "primed"
    primed.mkdir(mode=0o700)
    guarita(repository(place, 20), primed)  # compiles the rules of the secrets engine, once on a machine
    for size in SIZES[:2] if bench.quick else SIZES:
        measure(place, size, primed)
    # A warm engine ends when its socket has lost its name, which this folder's removal does.
sys.exit(bench.finish())
