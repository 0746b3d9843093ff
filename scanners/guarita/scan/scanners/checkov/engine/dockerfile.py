"""Dockerfiles, parsed with their line numbers kept, and refused where docker would refuse them."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from checkov.common.models.enums import CheckResult
from checkov.common.output.report import Report
from checkov.dockerfile.parser import dfp_group_by_instructions
from checkov.dockerfile.runner import Runner
from checkov.dockerfile.utils import build_definitions_context
from dockerfile_parse import DockerfileParser
from dockerfile_parse.constants import COMMENT_INSTRUCTION

from . import suppress, witness
from .documents import UnreadableError

INSTRUCTIONS = {
    "ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL", "MAINTAINER",
    "ONBUILD", "RUN", "SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR",
}  # fmt: skip
HEREDOC = re.compile(r"<<-?\s*([\"']?)(\w+)\1")
ESCAPE = re.compile(r"^#\s*escape\s*=\s*`", re.IGNORECASE)


def judge(request: dict[str, Any]) -> dict[str, Any]:
    """Judge the Dockerfile at `path`, called `key`. Raises UnreadableError where it is none."""
    path, key = request["path"], request["key"]
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableError("it is not UTF-8") from error
    definition, lines = _parsed(text)
    witness.reset()
    runner = Runner()
    runner.definitions, runner.definitions_raw = {key: definition}, {key: lines}
    runner.context = build_definitions_context(runner.definitions, runner.definitions_raw)
    runner.graph_manager.save_graph(
        runner.graph_manager.build_graph_from_definitions(definitions=runner.definitions)
    )
    report = Report(Runner.check_type)
    runner.add_python_check_results(report=report, runner_filter=witness.FILTER, root_folder="/")
    runner.add_graph_check_results(report=report, runner_filter=witness.FILTER, root_folder="/")
    known = suppress.comments(path)
    return {"findings": list(_findings(report, key, known)), "problems": list(witness.raised)}


def _parsed(text: str) -> tuple[dict[str, Any], list[str]]:
    if ESCAPE.match(text):
        raise UnreadableError("it changes the escape character, which checkov does not know")
    parser = DockerfileParser(fileobj=io.BytesIO(_without_heredocs(text).encode()))
    definition, lines = dfp_group_by_instructions(parser)
    definition.pop(COMMENT_INSTRUCTION, None)
    unknown = sorted(instruction for instruction in definition if instruction not in INSTRUCTIONS)
    if unknown:
        line = definition[unknown[0]][0]["startline"] + 1
        raise UnreadableError(f"line {line} is no instruction that docker knows")
    if "FROM" not in definition:
        raise UnreadableError("it has no FROM")
    return definition, lines


def _findings(report: Any, key: str, known: suppress.Suppressions) -> Iterator[dict[str, Any]]:
    seen = set()
    for record in report.failed_checks:
        first, last = record.file_line_range
        instruction = record.resource.removeprefix(f"{key}.").strip(".")
        place = (record.check_id, first, last)
        if record.check_result["result"] != CheckResult.FAILED or place in seen:
            continue
        seen.add(place)
        found = suppress.finding(
            suppress.Reported(record),
            key=key,
            resource=instruction,
            line=first if instruction else 1,
            end_line=last,
            suppression=suppress.find(known, record.check_id),
        )
        yield found


def _without_heredocs(text: str) -> str:
    """The same lines, with the body of `RUN <<END` as one continued command and other bodies left empty.

    checkov's own conversion knows only the word EOF, and moves every line that follows.
    """
    lines: list[str] = []
    pending: list[str] = []
    runs = False
    for line in text.splitlines():
        if pending:
            ended = line.strip() == pending[0]
            if ended:
                pending.pop(0)
            if runs:
                done = ended and not pending
                lines.append(
                    ":"
                    if done
                    else f"{line.strip().rstrip(chr(92)) or ':'} && \\"
                    if not ended
                    else ": && \\"
                )
            else:
                lines.append("")
            continue
        words = line.split(None, 1)
        heredocs = (
            [match.group(2) for match in HEREDOC.finditer(line)]
            if words and not line.lstrip().startswith("#")
            else []
        )
        if heredocs and words[0].upper() in {"RUN", "COPY", "ADD"}:
            pending, runs = heredocs, words[0].upper() == "RUN"
            rest = HEREDOC.sub("", words[1]).strip() if len(words) > 1 else ""
            lines.append(f"RUN {rest or ':'} && \\" if runs else line)
        else:
            lines.append(line)
    if pending:
        raise UnreadableError("a here-document has no end")
    return "\n".join(lines)
