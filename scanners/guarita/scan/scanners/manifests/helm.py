"""Helm charts: rendered by helm with each file of values that lies beside them, and judged as rendered."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from guarita.policy.gate.coverage import FileStatus
from guarita.scan.interface import SCANNED, Outcome, ScanJob, TreeFile
from guarita.scan.scanners.checkov import Engine, ask_together
from guarita.scan.scanners.manifests.claims import CHART
from guarita.scan.scanners.manifests.plain import unparseable
from guarita.scan.scanners.manifests.render import render
from guarita.scan.tools import Binary, find_helm

RELEASE = "release-name"
VALUES = re.compile(r"(^|/)(values[^/]*|[^/]*[-_.]values)\.ya?ml$", re.IGNORECASE)
LOOKUP = re.compile(rb"\{\{[^{}]*\blookup\s{1,8}[\"`(]")
SWITCHES = {"enabled", "enable", "create", "install"}
"""Values that are off by default and hide whole templates. These are also judged switched on."""
WITHOUT_HELM = Outcome(
    status=FileStatus.NO_TOOL, reason="manifests: a Helm chart, and helm is missing: run `guarita tools sync`"
)
RENDERS_NOTHING = Outcome(
    status=FileStatus.EXCLUDED,
    rule="renders-nothing",
    reason="a template that renders to nothing with any values that lie beside it",
)


@dataclass
class Chart:
    """A chart of the tree, and the claimed files that helm reads for it."""

    folder: str
    """The chart's folder in the tree, empty for the root."""
    staged: Path
    templates: list[TreeFile] = field(default_factory=list)
    values: list[TreeFile] = field(default_factory=list)
    others: list[TreeFile] = field(default_factory=list)

    @property
    def inputs(self) -> list[TreeFile]:
        return [*self.templates, *self.values, *self.others]


@dataclass
class Rendered:
    """What came of the charts."""

    answers: list[dict[str, Any]] = field(default_factory=list)
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    tools: list[str] = field(default_factory=list)


def charts_of(job: ScanJob) -> list[Chart]:
    """The charts among the claimed files, innermost folders first, each file with one of them."""
    charts = {
        file.path[: -len(CHART)].rstrip("/"): Chart(file.path[: -len(CHART)].rstrip("/"), file.staged.parent)
        for file in job.files
        if file.name == CHART
    }
    folders = sorted(charts, key=len, reverse=True)
    for file in job.files:
        for folder in folders:
            prefix = f"{folder}/" if folder else ""
            if file.path.startswith(prefix):
                _sort_in(charts[folder], file, file.path[len(prefix) :])
                break
    return [charts[folder] for folder in folders]


def judge(engine: Engine, job: ScanJob, charts: Sequence[Chart]) -> Rendered:
    """Render and judge every chart. Raises ScannerError when the engine is gone."""
    binary = find_helm(job.scratch)
    if binary is None:
        outcomes = {file.path: WITHOUT_HELM for chart in charts for file in chart.inputs}
        return Rendered(outcomes=outcomes)
    helm = _Helm(engine, job, binary)
    judged = []
    for number, chart in enumerate(charts):
        judged.append(helm.judge(chart, job.scratch / f"chart-{number}"))
        job.advance(len(chart.inputs))
    filled = {path for one in judged for path in one.filled}
    # A library's or a subchart's template may have been rendered by the chart around it.
    ends = {
        path: SCANNED if outcome == RENDERS_NOTHING and path in filled else outcome
        for one in judged
        for path, outcome in one.ends.items()
    }
    return Rendered(list(_merged(found for one in judged for found in one.answers)), ends, [str(binary)])


class _Judged(msgspec.Struct):
    """What came of one chart."""

    answers: list[dict[str, Any]]
    ends: dict[str, Outcome]
    filled: set[str]
    """The templates that rendered to something."""


class _Helm:
    """helm on one tree."""

    def __init__(self, engine: Engine, job: ScanJob, binary: Binary) -> None:
        self._engine = engine
        self._job = job
        self._binary = binary

    def judge(self, chart: Chart, scratch: Path) -> _Judged:
        """Render a chart with all its values, and give each of its files its end."""
        prefix = f"{chart.folder}/" if chart.folder else ""
        facts = [
            fact
            for file in self._job.snapshot.files
            if file.path.startswith(prefix)
            for fact in (file.path, file.digest)
        ]
        key = self._job.results.key("chart", str(self._binary), chart.folder, *facts)
        known = self._job.results.get(key, _Judged)
        if known is not None:
            return known
        self._job.snapshot.stage(chart.folder)
        judged = _Judged([], {}, set())
        judged.ends = self._ends(chart, scratch, judged)
        if not any(outcome.status.unknown for outcome in judged.ends.values()):
            self._job.results.put(key, judged)
        return judged

    def _ends(self, chart: Chart, scratch: Path, judged: _Judged) -> dict[str, Outcome]:
        ends = dict.fromkeys((file.path for file in chart.inputs), SCANNED)
        silent = {file.path: RENDERS_NOTHING for file in chart.templates if not _is_partial(file)}
        if self._read(chart.staged / CHART).get("type") == "library":
            return ends | silent
        scratch.mkdir()
        problems = [self._variant(chart, judged, scratch / "default.yaml", [])]
        for number, file in enumerate(chart.values):
            if file.name != "values.yaml":
                problem = self._variant(chart, judged, scratch / f"{number}.yaml", ["-f", file.staged])
                problems.append(problem)
                if problem:
                    ends[file.path] = unparseable(problem)
        if all(problems):
            return dict.fromkeys(ends, unparseable(problems[0]))
        if silent.keys() - judged.filled:
            self._switched_on(chart, judged, scratch, silent.keys() - judged.filled)
        ends |= {path: outcome for path, outcome in silent.items() if path not in judged.filled}
        return ends | {
            file.path: unparseable("it asks the cluster (lookup), so what it renders is not known")
            for file in chart.templates
            if LOOKUP.search(file.read())
        }

    def _variant(
        self,
        chart: Chart,
        judged: _Judged,
        output: Path,
        extra: list[str | Path],
        only: Collection[str] | None = None,
    ) -> str:
        """Render once and judge, `only` some templates where these are given. Gives what went wrong."""
        command = [self._binary.path, "template", RELEASE, chart.staged, *extra]
        if problem := render(command, output, self._job, "manifests"):
            return _said(problem)
        answer = self._engine.ask({"op": "manifest", "path": str(output), "key": CHART, "sources": True})
        if "error" in answer:
            return f"what helm renders cannot be judged: {answer['error']}"
        for found in [*answer["findings"], *ask_together(self._engine, self._job, answer["together"])]:
            file = self._place(chart, found)
            if file is not None and (only is None or file.path in only):
                judged.answers.append(found)
        sources = (self._template(chart, source) for source in answer["sources"])
        judged.filled.update(file.path for file in sources if file is not None)
        return ""

    def _switched_on(self, chart: Chart, judged: _Judged, scratch: Path, templates: Collection[str]) -> None:
        """Judge templates that render nothing with what is switched off in the values switched on."""
        default = next((file for file in chart.values if file.name == "values.yaml"), None)
        values = self._read(default.staged) if default else {}
        changed = _on(values)
        if changed != values:
            target = scratch / "values.json"
            target.write_text(json.dumps(changed), encoding="utf-8")
            self._variant(chart, judged, scratch / "on.yaml", ["-f", target], templates)

    def _template(self, chart: Chart, source: str) -> TreeFile | None:
        """The file of the tree that helm means by a source: the chart's name, then a path inside it."""
        return self._job.snapshot.at(chart.staged / source.partition("/")[2])

    def _place(self, chart: Chart, found: dict[str, Any]) -> TreeFile | None:
        """Move a finding from the rendered text to the template that it comes from."""
        file = self._template(chart, found["source"]) or self._job.snapshot.at(chart.staged / CHART)
        if file is not None:
            text = file.read().decode("utf-8", "replace")
            match = re.search(rf"^[ \t]*kind:[ \t]*[\"']?{re.escape(found['kind'])}\b", text, re.MULTILINE)
            line = text.count("\n", 0, match.end()) + 1 if match else 1
            found.update(key=file.place, line=line, end_line=line)
        return file

    def _read(self, path: Path) -> dict[str, Any]:
        """The one mapping of a YAML file, empty where it is none."""
        documents = self._engine.ask({"op": "read", "path": str(path)}).get("documents") or [None]
        return documents[0] if isinstance(documents[0], dict) else {}


def _sort_in(chart: Chart, file: TreeFile, place: str) -> None:
    if place.startswith("templates/"):
        chart.templates.append(file)
    elif VALUES.search(place) and ("/" not in place or place.startswith("ci/")):
        chart.values.append(file)
    elif place in {CHART, "values.schema.json", "requirements.yaml"}:
        chart.others.append(file)


def _merged(answers: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """One finding for what several files of values show alike."""
    seen = set()
    for answer in answers:
        key = (answer["key"], answer["rule"], answer["resource"], answer["part"])
        if key not in seen:
            seen.add(key)
            yield answer


def _on(values: Any) -> Any:
    if isinstance(values, dict):
        return {
            key: True if key in SWITCHES and value is False else _on(value) for key, value in values.items()
        }
    return values


def _is_partial(file: TreeFile) -> bool:
    return file.name.startswith("_") or file.suffix == ".tpl"


def _said(problem: str) -> str:
    """What helm said, without what it quotes."""
    if "missing in charts/" in problem or "found in Chart.yaml, but missing" in problem:
        return "helm cannot render the chart: its dependencies are not in the tree, and nothing is downloaded"
    place = re.search(r"\b[\w.@/-]+\.(?:ya?ml|tpl|txt|json):\d+(?::\d+)?", problem[-4000:])
    return f"helm cannot render the chart{f' ({place.group()})' if place else ''}"
