"""CI pipelines: GitHub workflows and composite actions, GitLab CI, CircleCI, Azure, Bitbucket; and Ansible."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from checkov.common.models.enums import CheckResult
from checkov.common.output.report import Report
from checkov.common.runners.object_runner import Runner

from . import suppress, witness
from .documents import END, START, UnreadableError, read

RUNNERS = {
    "github": "checkov.github_actions.runner",
    "action": "checkov.github_actions.runner",
    "gitlab": "checkov.gitlab_ci.runner",
    "circleci": "checkov.circleci_pipelines.runner",
    "azure": "checkov.azure_pipelines.runner",
    "bitbucket": "checkov.bitbucket_pipelines.runner",
    "ansible": "checkov.ansible.runner",
}
OF_WORKFLOWS = {"CKV_GHA_7"}
"""Checks of what an action does not have: triggers. Its permissions are the workflow's too."""


def judge(request: dict[str, Any]) -> dict[str, Any]:
    """Judge the pipeline at `path`, called `key`, of a `kind` in RUNNERS."""
    path, kind = request["path"], request["kind"]
    documents = [item.data for item in read(path, pipeline=True) if item.data]
    if any(not isinstance(data, list if kind == "ansible" else dict) for data in documents):
        raise UnreadableError("it is not of the shape of its kind")
    if kind in {"github", "action"} and len(documents) > 1:
        raise UnreadableError("it holds more than one document")
    if kind == "github" and not (documents and isinstance(documents[0].get("jobs"), dict)):
        raise UnreadableError("it has no jobs")
    text = Path(path).read_text(encoding="utf-8", errors="replace")
    lines = suppress.neutral(enumerate(text.splitlines(keepends=True), start=1))
    known = suppress.comments(path)
    witness.reset()
    findings = [
        found
        for data in documents
        for found in _judge(kind, _workflow(data) if kind == "action" else data, lines, request["key"], known)
    ]
    return {"findings": findings, "problems": list(witness.raised)}


def _judge(
    kind: str,
    data: Any,
    lines: list[tuple[int, str]],
    key: str,
    known: suppress.Suppressions,
) -> Iterator[dict[str, Any]]:
    if data is None:
        return
    runner = importlib.import_module(RUNNERS[kind]).Runner()
    runner.definitions, runner.definitions_raw = {key: data}, {key: lines}
    if kind in {"github", "action"}:
        runner.map_file_path_to_gha_metadata_dict[key] = {
            "triggers": runner._get_triggers(data),  # noqa: SLF001  # what its own loader calls for each file
            "workflow_name": data.get("name", ""),
            "jobs": runner._get_jobs(data),  # noqa: SLF001
        }
    runner.context = runner.build_definitions_context(
        definitions=runner.definitions, definitions_raw=runner.definitions_raw
    )
    registry = runner.import_registry()
    registry.definitions_raw = lines
    for name, result in registry.scan(key, data, [], witness.FILTER).items():
        check = result["check"]
        if result["result"] == CheckResult.FAILED and not (kind == "action" and check.id in OF_WORKFLOWS):
            yield _finding(runner, name, result, key, known)
    if kind != "action" and getattr(runner, "graph_registry", None) and runner.graph_manager:
        yield from _graph(runner, key, known)


def _graph(runner: Runner, key: str, known: suppress.Suppressions) -> Iterator[dict[str, Any]]:
    runner.graph_manager.save_graph(
        runner.graph_manager.build_graph_from_definitions(
            definitions=runner.definitions, graph_class=runner.graph_class
        )
    )
    report = Report(runner.check_type)
    runner.add_graph_check_results(report=report, runner_filter=witness.FILTER)
    for record in report.failed_checks:
        first, last = record.file_line_range
        yield suppress.finding(
            suppress.Reported(record),
            key=key,
            resource=_bare(record.resource, key),
            line=first,
            end_line=last,
            suppression=suppress.find(known, record.check_id),
        )


def _finding(
    runner: Runner, name: str, result: Any, key: str, known: suppress.Suppressions
) -> dict[str, Any]:
    check, configuration = result["check"], result["results_configuration"]
    first = last = 0
    if isinstance(configuration, (dict, list)) and configuration:
        last, first = runner.get_start_end_lines(0, configuration, 0)
    try:
        resource = runner.get_resource(key, name, check.supported_entities, first, last)
    except (AttributeError, KeyError, TypeError, IndexError):
        resource = name
    return suppress.finding(
        check,
        key=key,
        resource=_bare(resource, key),
        line=first,
        end_line=last,
        suppression=suppress.find(known, check.id),
    )


def _workflow(action: dict[str, Any]) -> dict[str, Any] | None:
    """A composite action as the workflow with one job that it amounts to; None for one without steps."""
    runs = action.get("runs")
    if not isinstance(runs, dict):
        raise UnreadableError("it says nothing about how it runs")
    if "steps" not in runs:
        return None
    job = {"runs-on": "ubuntu-latest", "steps": runs["steps"], START: runs[START], END: runs[END]}
    return {
        "name": action.get("name", ""),
        "on": {"workflow_call": None},
        "permissions": "read-all",
        "jobs": {"action": job, START: runs[START], END: runs[END]},
        START: action[START],
        END: action[END],
    }


def _bare(resource: str, key: str) -> str:
    return str(resource).removeprefix(f"{key}.")
