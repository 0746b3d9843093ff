"""Kustomizations: built by kubectl where all that they name lies in the tree, and judged as built."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from guarita.policy.gate.coverage import FileStatus
from guarita.scan.interface import SCANNED, Outcome, ScanJob, TreeFile
from guarita.scan.scanners.checkov import Engine, ask_together
from guarita.scan.scanners.manifests.plain import Plain, unparseable
from guarita.scan.scanners.manifests.references import Reference, references_of
from guarita.scan.scanners.manifests.render import render
from guarita.scan.tools import Binary, find_kustomize

WITHOUT_BINARY = Outcome(
    status=FileStatus.NO_TOOL,
    reason="manifests: a kustomization, and nothing builds it here: run `guarita tools sync`",
)
TOP = "resources: [{folder}]\nbuildMetadata: [originAnnotations]\n"
COMPONENT = "Component"
KIND = "Kustomization"


class _Said(msgspec.Struct, frozen=True):
    """What a kustomization says: its kind, why it cannot be built, what it names."""

    kind: str = KIND
    problem: str = ""
    references: tuple[Reference, ...] = ()


@dataclass
class Kustomization:
    """One kustomization of the tree."""

    file: TreeFile
    kind: str = KIND
    problem: str = ""
    """Why it is not built."""
    references: list[Reference] = field(default_factory=list)

    @property
    def folder(self) -> str:
        return self.file.path.rpartition("/")[0]


@dataclass
class Plan:
    """All kustomizations, read and checked, by folder."""

    by_folder: dict[str, Kustomization]
    patches: frozenset[str]
    """The files that some of them patch with."""

    def below(self, start: Kustomization) -> dict[str, Kustomization]:
        """The kustomizations that one builds on, itself among them."""
        found: dict[str, Kustomization] = {}
        waiting = [start]
        while waiting:
            current = waiting.pop()
            if current.folder not in found:
                found[current.folder] = current
                waiting += (self.by_folder[r.path] for r in current.references if r.path in self.by_folder)
        return found


@dataclass
class Built:
    """What came of the builds, merged with what was found in the plain files."""

    answers: list[dict[str, Any]]
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    tools: list[str] = field(default_factory=list)


def plan(engine: Engine, job: ScanJob, files: Sequence[TreeFile]) -> Plan:
    """Read the kustomizations and check what they name. Nothing is built yet."""
    paths = {file.path for file in job.snapshot.files}
    folders = {path.rpartition("/")[0] for path in paths}
    by_folder: dict[str, Kustomization] = {}
    for file in files:
        known = Kustomization(file)
        said = _said_by(engine, job, file)
        known.kind, known.problem, known.references = said.kind, said.problem, list(said.references)
        for reference in known.references:
            if reference.path not in paths and reference.path not in folders:
                known.problem = known.problem or "it names what is not in the tree; nothing is fetched"
        if known.folder in by_folder:
            known.problem = by_folder[known.folder].problem = "there is another kustomization in its folder"
        by_folder[known.folder] = known
    patches = {r.path for known in by_folder.values() for r in known.references if r.patch}
    return Plan(by_folder, frozenset(patches))


def _said_by(engine: Engine, job: ScanJob, file: TreeFile) -> _Said:
    """What a kustomization says of itself. Only this is remembered: it may hold secrets beside it."""
    key = job.results.key("kustomization", file.path, file.digest)
    if (known := job.results.get(key, _Said)) is not None:
        return known
    answer = engine.ask({"op": "read", "path": str(file.on_disk()), "unique": True})
    documents = [data for data in answer.get("documents", ()) if data is not None]
    if "error" in answer or len(documents) != 1 or not isinstance(documents[0], dict):
        return _Said(problem=answer.get("error") or "it is not one mapping")
    problem, references = references_of(documents[0], file.path.rpartition("/")[0])
    said = _Said(str(documents[0].get("kind", KIND)), problem, tuple(references))
    if not problem:
        job.results.put(key, said)
    return said


def judge(engine: Engine, job: ScanJob, planned: Plan, plain: Plain) -> Built:
    """Build and judge every kustomization. Raises ScannerError when the engine is gone."""
    binary = find_kustomize(job.scratch)
    if binary is None:
        outcomes = {item.file.path: WITHOUT_BINARY for item in planned.by_folder.values()}
        built = Built(plain.answers, outcomes)
        _settle(built, planned, plain, {})
        return built
    builder = _Builder(engine, job, binary, plain.answers)
    built = Built(plain.answers, tools=[str(binary)])
    users: defaultdict[str, list[bool]] = defaultdict(list)
    # What others build on comes first, so that a fault is reported where it comes in.
    for current in sorted(planned.by_folder.values(), key=lambda item: len(planned.below(item))):
        if current.kind != COMPONENT:
            below = planned.below(current)
            problem = next((item.problem for item in below.values() if item.problem), "")
            problem = problem or builder.build(current, _inputs(job, below.values()))
            built.outcomes[current.file.path] = unparseable(problem) if problem else SCANNED
            for item in below.values():
                for path in (item.file.path, *(reference.path for reference in item.references)):
                    users[path].append(not problem)
        job.advance(1)
    for current in planned.by_folder.values():
        if current.kind == COMPONENT:
            reason = current.problem or "a component that no kustomization builds"
            used = any(users[current.file.path])
            built.outcomes[current.file.path] = SCANNED if used else unparseable(reason)
    _settle(built, planned, plain, users)
    return built


def _settle(built: Built, planned: Plan, plain: Plain, users: Mapping[str, Sequence[bool]]) -> None:
    """Give the files that kustomizations use their end."""
    named = {reference.path for item in planned.by_folder.values() for reference in item.references}
    for path in named & plain.outcomes.keys():
        through = users.get(path, ())
        if path in plain.fragments and not (through and all(through)):
            built.outcomes[path] = unparseable("a patch whose kustomization is not built")
        elif plain.outcomes[path].status is FileStatus.EXCLUDED and any(through):
            built.outcomes[path] = SCANNED


def _inputs(job: ScanJob, below: Iterable[Kustomization]) -> list[TreeFile]:
    """All files that a build may read: those below the folders of its kustomizations, and those they name."""
    below = list(below)
    folders = tuple(f"{item.folder}/" if item.folder else "" for item in below)
    named = {reference.path for item in below for reference in item.references}
    return [file for file in job.snapshot.files if file.path.startswith(folders) or file.path in named]


class _NotBuiltError(Exception):
    """Why a kustomization could not be built or judged."""


class _Builder:
    """kubectl on one tree, and what is reported so far."""

    def __init__(self, engine: Engine, job: ScanJob, binary: Binary, answers: list[dict[str, Any]]) -> None:
        self._engine = engine
        self._job = job
        self._binary = binary
        self._command = [binary.path, "build" if binary.path.name == "kustomize" else "kustomize"]
        self._answers = answers
        self._known: defaultdict[tuple[str, ...], list[dict[str, Any]]] = defaultdict(list)
        for answer in answers:
            self._known[_key(answer, answer["key"])].append(answer)
        self._builds = 0

    def build(self, current: Kustomization, inputs: Sequence[TreeFile]) -> str:
        """Build one, judge it, report what nobody reported yet. Gives what went wrong, or nothing."""
        facts = [fact for file in inputs for fact in (file.path, file.digest)]
        key = self._job.results.key("build", str(self._binary), current.file.path, *facts)
        findings = self._job.results.get(key, list[dict[str, Any]])
        if findings is None:
            try:
                findings = self._built(current, inputs)
            except _NotBuiltError as error:
                return str(error)
            self._job.results.put(key, findings)
        for found in findings:
            self._report(current, found, _key(found, found["origin"]))
        return ""

    def _built(self, current: Kustomization, inputs: Sequence[TreeFile]) -> list[dict[str, Any]]:
        """The findings in what comes of a kustomization, each with the place that it comes from as `origin`."""
        self._builds += 1
        folder = self._job.scratch / f"build-{self._builds}"
        folder.mkdir()
        for file in inputs:
            file.on_disk()
        target = os.path.relpath(current.file.staged.parent, folder)
        (folder / "kustomization.yaml").write_text(TOP.format(folder=_quoted(target)), encoding="utf-8")
        output = folder / "output.yaml"
        if said := render([*self._command, folder], output, self._job, "manifests"):
            raise _NotBuiltError(_said(said))
        answer = self._engine.ask({"op": "manifest", "path": str(output), "key": current.file.place})
        if "error" in answer:
            raise _NotBuiltError(f"what it builds cannot be judged: {answer['error']}")
        findings = [*answer["findings"], *ask_together(self._engine, self._job, answer["together"])]
        for found in findings:
            origin = os.path.normpath(folder / found["origin"]) if found["origin"] else current.file.staged
            found["origin"] = os.path.relpath(origin, self._job.snapshot.root)
        return findings

    def _report(self, current: Kustomization, found: dict[str, Any], key: tuple[str, ...]) -> None:
        """Report a finding at the kustomization, unless it came from below: then note that it is there too."""
        place = current.file.place
        name = _name(found)
        # A kustomization may put words before and after a name.
        for known in self._known[key]:
            if _name(known) in name:
                note = f"kustomize:{current.file.path}"
                if known["key"] != place and note not in known.setdefault("also", []):
                    known["also"].append(note)
                return
        line = _line(current.file, name)
        found.update(key=place, line=line, end_line=line)
        self._known[key].append(found)
        self._answers.append(found)


def _key(found: Mapping[str, Any], origin: str) -> tuple[str, ...]:
    return (origin, found["rule"], found["kind"], found["part"])


def _name(found: Mapping[str, Any]) -> str:
    """The name of a resource without its kind and its namespace, which a kustomization may set."""
    return str(found["resource"].split(".", 2)[2])


def _line(file: TreeFile, name: str) -> int:
    """The line of the kustomization that names the resource, else the first."""
    lines = file.read().decode("utf-8", "replace").splitlines()
    return next((number for number, line in enumerate(lines, 1) if name in line), 1)


def _quoted(path: str) -> str:
    return "'" + path.replace("'", "''") + "'"


def _said(problem: str) -> str:
    """What kubectl said, by its kind: its words quote paths and content."""
    if "security; file" in problem or "is not in or below" in problem:
        return "it reads a file outside its folder"
    if "function" in problem or "plugin" in problem or "exec" in problem:
        return "it wants a plugin or a program, and none is run"
    return "kubectl cannot build it"
