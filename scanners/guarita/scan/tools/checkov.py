"""checkov in an environment of its own: it drags old pins, and newer ones silently downgrade it."""

from __future__ import annotations

import importlib.metadata
import sys
from pathlib import Path
from typing import ClassVar

from guarita.scan.process import neutral_environment
from guarita.scan.tools.environment import make_environment, run
from guarita.scan.tools.home import standing
from guarita.scan.tools.interface import Report, Standing, State, Tool, ToolError

PROBE = "import checkov.version, yaml; yaml.CSafeLoader; print(checkov.version.version)"


class Checkov(Tool):
    """The scanner of manifests and infrastructure."""

    name: ClassVar[str] = "checkov"
    purpose: ClassVar[str] = "scans manifests, workflows, Terraform, Dockerfiles, CloudFormation"

    def make(self, folder: Path, report: Report) -> None:
        make_environment(folder, self.lock, report)

    def probe(self, folder: Path) -> str:
        done = run([self.entry(folder), "-I", "-c", PROBE], timeout=120.0, env=neutral_environment(folder))
        version = done.stdout.decode("utf-8", "replace").strip()
        if not version:
            raise ToolError("tools.failed", "checkov does not say its version")
        return version

    def entry(self, folder: Path) -> Path:
        return folder / "bin/python"

    def borrowed(self) -> Standing | None:
        """The same environment, where somebody installed the extra `[checkov]`."""
        try:
            version = importlib.metadata.version("checkov")
        except importlib.metadata.PackageNotFoundError:
            return None
        return Standing(State.BORROWED, version, Path(sys.prefix))


def checkov_python() -> tuple[Path, str] | None:
    """The interpreter that can import checkov and checkov's version, or None: ours, else this environment."""
    found = standing(Checkov())
    if found.path is None or found.state not in {State.READY, State.BORROWED}:
        return None
    if found.state is State.READY:
        return Checkov().entry(found.path), found.version
    return Path(sys.executable), found.version
