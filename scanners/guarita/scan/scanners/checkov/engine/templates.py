"""Templates whose kind the content says, CloudFormation, ARM or Ansible, and Bicep beside them."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from checkov.runner_filter import RunnerFilter

from . import suppress, witness
from .documents import UnreadableError, read

PLAYS = {"hosts", "import_playbook", "ansible.builtin.import_playbook"}
MODULE = re.compile(r"[a-z_]\w*\.[a-z_]\w*\.[a-z_]\w*")
"""namespace.collection.module"""
TYPES = ("AWS::", "Custom::", "Alexa::", "Module::")


def judge(request: dict[str, Any]) -> dict[str, Any]:
    """Judge the template at `path`, called `key`; `none` where it turns out to be no template."""
    path = request["path"]
    if request["kind"] == "bicep":
        return _judge_azure("bicep", path, request["key"])
    documents = [document.data for document in read(path, lines=False)]
    if any(map(_is_cloudformation, documents)):
        from . import cloudformation  # noqa: PLC0415  # only where it is needed

        return cloudformation.judge(request)
    if any(map(_is_arm, documents)):
        return _judge_azure("arm", path, request["key"])
    if any(_is_playbook(data, path) for data in documents):
        from . import pipelines  # noqa: PLC0415

        return pipelines.judge({**request, "kind": "ansible"})
    return {"none": True}


def _is_cloudformation(data: Any) -> bool:
    if not isinstance(data, dict):
        return False
    resources = data.get("Resources")
    return "AWSTemplateFormatVersion" in data or (
        isinstance(resources, dict)
        and any(
            isinstance(body, dict) and str(body.get("Type", "")).startswith(TYPES)
            for body in resources.values()
        )
    )


def _is_arm(data: Any) -> bool:
    return isinstance(data, dict) and "deploymenttemplate.json" in str(data.get("$schema", "")).lower()


def _is_playbook(data: Any, path: str) -> bool:
    """Whether a list holds plays, or tasks: these by their modules' full names, or where roles keep them."""
    if not isinstance(data, list) or not all(isinstance(item, dict) for item in data):
        return False
    keys = {key for item in data for key in item if isinstance(key, str)}
    in_role = {"tasks", "handlers"} & set(Path(path).parts[-3:-1]) and "name" in keys
    return bool(in_role or keys & PLAYS or any(MODULE.fullmatch(key) for key in keys))


def _judge_azure(kind: str, path: str, key: str) -> dict[str, Any]:
    if kind == "bicep":
        from checkov.bicep.runner import Runner  # noqa: PLC0415
    else:
        from checkov.arm.runner import Runner  # noqa: PLC0415
    known = suppress.comments(path)
    witness.reset()
    with tempfile.TemporaryDirectory(dir=".") as folder:
        # A copy of equal length in which checkov finds no suppression, so that it judges what they would hide.
        copy = Path(folder).resolve() / f"template.{'bicep' if kind == 'bicep' else 'json'}"
        text = Path(path).read_text(encoding="utf-8-sig")
        copy.write_text(text.replace(":skip=", ":look="), encoding="utf-8")
        runner = Runner()
        report = runner.run(root_folder=folder, runner_filter=RunnerFilter(show_progress_bar=False))
    report = report[0] if isinstance(report, list) else report
    if report.parsing_errors or not runner.definitions_raw:
        raise UnreadableError(f"checkov cannot read it as {kind}")
    return {"findings": list(_findings(report, key, known)), "problems": list(witness.raised)}


def _findings(report: Any, key: str, known: suppress.Suppressions) -> Iterator[dict[str, Any]]:
    for record in report.failed_checks:
        first, last = record.file_line_range
        yield suppress.finding(
            suppress.Reported(record),
            key=key,
            resource=record.resource,
            line=first,
            end_line=last,
            suppression=suppress.find(known, record.check_id, range(first, last + 1)),
        )
