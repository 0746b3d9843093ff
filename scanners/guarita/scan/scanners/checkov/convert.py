"""What checkov's worker answers, as findings: rated by our table, with the code around the place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from guarita.policy.gate.finding import Finding, Location, Suppression
from guarita.policy.severity import load_table
from guarita.scan.interface import TreeFile

AROUND = 1
"""Lines shown before and after the reported one."""
LONGEST = 300
"""Characters of a line that are shown."""
OF_SECRETS = frozenset(
    {
        "CKV_AWS_41", "CKV_AWS_45", "CKV_AWS_46", "CKV_AZURE_45", "CKV_BCW_1", "CKV_DIO_2", "CKV_GIT_4",
        "CKV_LIN_1", "CKV_OCI_1", "CKV_OPENSTACK_1", "CKV_PAN_1", "CKV_TF_3", "CKV_K8S_35",
    }
)  # fmt: skip
"""Checks that find a secret in the text: it is not shown."""


def to_findings(
    scanner: str, answers: Iterable[Mapping[str, Any]], files: Mapping[str, TreeFile]
) -> list[Finding]:
    """Findings of `scanner`, those at files that are not in `files` left out.

    Each answer has `key`, by which `files` holds its file, beside what the worker's `finding` gives.
    """
    texts: dict[str, list[str]] = {}
    findings = []
    for answer in answers:
        file = files.get(answer["key"])
        if file is not None:
            if file.path not in texts:
                texts[file.path] = file.read().decode("utf-8", "replace").splitlines()
            findings.append(_finding(scanner, answer, file, texts[file.path]))
    return findings


def _finding(scanner: str, answer: Mapping[str, Any], file: TreeFile, lines: list[str]) -> Finding:
    rule, part, asked = answer["rule"], answer.get("part", ""), answer.get("suppression")
    rating = load_table().lookup(rule)
    line = min(max(1, answer["line"]), max(1, len(lines)))
    name = answer["name"].rstrip(".")
    detail = answer.get("detail", "")
    where = f" ({part})" if part else ""
    shown = () if rule in OF_SECRETS else range(max(1, line - AROUND), min(len(lines), line + AROUND) + 1)
    return Finding(
        scanner=scanner,
        rule=rule,
        title=rating.title or name,
        message=f"{name}{where}" + (f": {detail}" if detail else ""),
        severity=rating.severity,
        severity_basis=rating.basis,
        fix=rating.fix or answer.get("fix", ""),
        cwe=rating.cwe,
        help_url=answer.get("guideline", ""),
        location=Location(
            path=file.path, line=line, end_line=max(line, min(answer["end_line"], max(1, len(lines))))
        ),
        anchor=f"{answer['resource']}|{part}",
        resource=answer["resource"],
        snippet=tuple((number, lines[number - 1][:LONGEST]) for number in shown),
        suppression=Suppression(kind=asked["kind"], reason=asked["reason"]) if asked else None,
        also=tuple(answer.get("also", ())),
    )
