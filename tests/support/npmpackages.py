"""npm packages that tests need, installed from their committed locks."""

import fcntl
import hashlib
import shutil
import subprocess
from pathlib import Path


def installed(source):
    """The folder `source` with its packages: made once for its content, whoever comes first."""
    parts = [path.read_bytes() for path in sorted(source.iterdir())]
    top = Path(__file__).parents[2] / "out" / "npm"
    top.mkdir(parents=True, exist_ok=True)
    folder = top / hashlib.sha256(b"".join(parts)).hexdigest()[:16]
    with (top / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "done").exists():
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(source, folder)
            subprocess.run(
                ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"],
                cwd=folder, check=True, stdout=subprocess.DEVNULL,
            )  # fmt: skip
            (folder / "done").touch()
    return folder
