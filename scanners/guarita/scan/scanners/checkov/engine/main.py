"""The loop: one JSON request a line, one JSON answer a line, until stdin ends."""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Callable
from typing import Any

from . import quiet

quiet.prepare()

from .documents import UnreadableError  # noqa: E402  # what checkov reads of the environment is set before it loads

Answer = dict[str, Any]


def _hello(_: Answer) -> Answer:
    from checkov.version import version  # noqa: PLC0415

    return {"version": version}


def _read(request: Answer) -> Answer:
    from .documents import Unique, read  # noqa: PLC0415

    unique = Unique.ALL if request.get("unique") else Unique.NONE
    return {"documents": [document.data for document in read(request["path"], lines=False, unique=unique)]}


def _manifest(request: Answer) -> Answer:
    from . import manifests  # noqa: PLC0415  # each framework costs a second or more to import: only those asked for

    return manifests.judge(request)


def _graph(request: Answer) -> Answer:
    from . import graph  # noqa: PLC0415

    return graph.judge(request)


def _terraform(request: Answer) -> Answer:
    from . import terraform  # noqa: PLC0415

    return terraform.judge(request)


def _dockerfile(request: Answer) -> Answer:
    from . import dockerfile  # noqa: PLC0415

    return dockerfile.judge(request)


def _pipeline(request: Answer) -> Answer:
    from . import pipelines  # noqa: PLC0415

    return pipelines.judge(request)


def _template(request: Answer) -> Answer:
    from . import templates  # noqa: PLC0415

    return templates.judge(request)


def _compose(request: Answer) -> Answer:
    from . import compose  # noqa: PLC0415

    return compose.judge(request)


def _blocks(request: Answer) -> Answer:
    from . import blocks  # noqa: PLC0415

    return blocks.blocks(request)


def _objects(request: Answer) -> Answer:
    from . import blocks  # noqa: PLC0415

    return blocks.objects(request)


OPERATIONS: dict[str, Callable[[Answer], Answer]] = {
    "hello": _hello,
    "read": _read,
    "manifest": _manifest,
    "graph": _graph,
    "terraform": _terraform,
    "dockerfile": _dockerfile,
    "pipeline": _pipeline,
    "template": _template,
    "compose": _compose,
    "blocks": _blocks,
    "objects": _objects,
}


FRAMEWORKS = ("manifests", "terraform", "dockerfile", "pipelines", "templates", "cloudformation", "compose")
RUNNERS = ("github_actions", "gitlab_ci", "arm", "bicep", "ansible")


def main() -> None:
    """Answer requests. A request that cannot be answered gets `error`; the next one is answered all the same."""
    answers = os.fdopen(os.dup(1), "wb")
    # Whatever a library prints goes to stderr: the protocol stays clean.
    os.dup2(2, 1)
    for line in sys.stdin.buffer:
        answers.write(answered(line) + b"\n")
        answers.flush()


def loaded() -> Callable[[bytes], bytes]:
    """Everything imported that any request may need, and what answers one."""
    for name in FRAMEWORKS:
        importlib.import_module(f".{name}", __package__)
    for name in RUNNERS:
        importlib.import_module(f"checkov.{name}.runner")
    return answered


def answered(line: bytes) -> bytes:
    """The answer to one request, each in one line."""
    answer = _answer(json.loads(line))
    try:
        text = json.dumps(answer, default=str, allow_nan=False)
    except ValueError:
        text = json.dumps({"error": "it holds a number that is none"})
    return text.encode("utf-8", "replace")


def _answer(request: Answer) -> Answer:
    try:
        return OPERATIONS[request["op"]](request)
    except UnreadableError as error:
        return {"error": str(error)}
    except (RecursionError, MemoryError) as error:
        return {"error": f"it is too deep or too large to be judged ({type(error).__name__})"}
    except Exception as error:  # noqa: BLE001  # checkov may raise anything on a hostile file: the file is then not vouched for
        return {"error": f"checkov could not judge it ({type(error).__name__})"}
