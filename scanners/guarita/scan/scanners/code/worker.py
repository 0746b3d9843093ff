"""bandit in a process of its own: one JSON request a line names a file, one JSON answer a line.

Started with `-I` on the command line, so that nothing in the current folder or the environment is imported.
"""

from __future__ import annotations

import ast
import gc
import io
import itertools
import json
import logging
import os
import resource
import sys
import tokenize
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bandit.core import config, manager

from guarita.scan.scanners.code.notebook import Module, NotebookError, module_of
from guarita.scan.scanners.code.visitor import issues_of
from guarita.scan.warm.forkserver import serve, wanted

NAME = "module.py"
"""What bandit calls every file: no result hangs on where a file stands."""
_BLOCKS = frozenset({"body", "orelse", "handlers", "finalbody", "cases"})
"""The fields of a node that hold statements, or what holds them."""
MEMORY = 2 * 1024**3
"""Bytes of address space; a file that makes the parser want more is unparseable."""


def main() -> None:
    """Answer requests until stdin ends, or serve all who connect."""
    if (place := wanted()) is not None:
        serve(place, loaded)
        return
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints, the protocol stays clean
    answer = loaded()
    for line in sys.stdin.buffer:
        answers.write(answer(line) + b"\n")
        answers.flush()


def loaded() -> Callable[[bytes], bytes]:
    """Bound this process, and give what answers one request."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    profile = config.BanditConfig()
    python = f"{sys.version_info[0]}.{sys.version_info[1]}"
    manager.BanditManager(profile, "file")  # imports the checks
    # A tree of syntax is many objects that live as long as it: looking for garbage among them finds none.
    gc.freeze()
    gc.set_threshold(50_000, 5, 5)

    def answer(line: bytes) -> bytes:
        request = json.loads(line)
        return json.dumps({"python": python, **(scan(profile, request) if request else {})}).encode()

    return answer


def scan(profile: config.BanditConfig, request: dict[str, Any]) -> dict[str, Any]:
    """Scan one file: `findings`, or `error`, with `syntax` where another Python may parse it."""
    content = Path(request["path"]).read_bytes()
    if not request.get("notebook"):
        return scan_module(profile, content)
    try:
        module = module_of(content)
    except NotebookError as error:
        return {"error": str(error), "syntax": True}
    answer = scan_module(profile, module.text.encode())
    for finding in answer.get("findings", ()):
        _to_cell(finding, module)
    return answer


def scan_module(profile: config.BanditConfig, content: bytes) -> dict[str, Any]:
    """Scan Python source."""
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return {"error": _reason(error), "syntax": True}
    try:
        issues = issues_of(profile, NAME, content, tree)
        # Most files have no issue: what places one is made only for those that have.
        scopes = _scopes(tree) if issues else []
        comments = _nosec(content) if b"nosec" in content else {}
    except RecursionError:
        return {"error": "nested too deeply"}
    except Exception as error:  # noqa: BLE001  # any check may raise anything; the file is then not vouched for
        print(f"bandit: {type(error).__name__}", file=sys.stderr)
        return {"error": "bandit could not finish this file"}
    lines = content.decode("utf-8", "replace").splitlines() if issues else []
    return {"findings": [_finding(issue, scopes, comments, lines) for issue in issues]}


def _to_cell(finding: dict[str, Any], module: Module) -> None:
    """Bring a finding's lines from the module to the notebook's own text."""
    first, last = module.at(finding["line"]), module.at(finding["end_line"])
    finding["label"] = f"cell {first.cell}, line {first.line}"
    finding["line"], finding["end_line"] = first.file_line, max(first.file_line, last.file_line)
    around = [(module.at(number), text) for number, text in finding["snippet"]]
    # A line that cannot be placed cannot be hidden where a secret stands on it: it is not shown.
    finding["snippet"] = [
        [line.file_line, text] for line, text in around if line.file_line and line.cell == first.cell
    ]


def _reason(error: BaseException) -> str:
    version = f"Python {sys.version_info[0]}.{sys.version_info[1]}"
    if isinstance(error, SyntaxError):
        return f"{version} cannot parse it: {error.msg} (line {error.lineno})"
    if isinstance(error, RecursionError | MemoryError):
        return f"{version} cannot parse it: nested too deeply"
    return f"{version} cannot parse it: {error}"


def _scopes(tree: ast.Module) -> list[tuple[int, int, str, ast.AST]]:
    """(first line, last line, qualified scope, node) of every statement, outermost first."""
    found: list[tuple[int, int, str, ast.AST]] = []

    def visit(node: ast.AST, scope: str) -> None:
        # No expression holds a statement.
        blocks = (getattr(node, name) for name in node._fields if name in _BLOCKS)
        for child in itertools.chain.from_iterable(block for block in blocks if isinstance(block, list)):
            inner = scope
            if isinstance(child, ast.stmt | ast.ExceptHandler):
                if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                    inner = f"{scope}.{child.name}" if scope else child.name
                found.append((child.lineno, child.end_lineno or child.lineno, inner, child))
            visit(child, inner)

    visit(tree, "")
    return found


def _shape(node: ast.AST) -> str:
    """A statement without its positions; of one with a block, its kind alone."""
    block = isinstance(getattr(node, "body", None), list)
    return type(node).__name__ if block else ast.dump(node)


def _nosec(content: bytes) -> dict[int, str]:
    """The text of each `# nosec` comment by its line."""
    found = {}
    try:
        for token in tokenize.tokenize(io.BytesIO(content).readline):
            if token.type == tokenize.COMMENT and "nosec" in token.string:
                found[token.start[0]] = token.string.partition("nosec")[2].strip(" :")
    except (tokenize.TokenError, SyntaxError):
        return found
    return found


def _finding(
    issue: Any, scopes: list[tuple[int, int, str, ast.AST]], comments: dict[int, str], lines: list[str]
) -> dict[str, Any]:
    span = sorted(issue.linerange or [issue.lineno])
    around = [entry for entry in scopes if entry[0] <= issue.lineno <= entry[1]]
    scope, node = (around[-1][2], _shape(around[-1][3])) if around else ("", "")
    line = lines[issue.lineno - 1].strip() if 0 < issue.lineno <= len(lines) else ""
    nosec = next((comments[n] for n in range(span[0], span[-1] + 1) if n in comments), None)
    return {
        "rule": issue.test_id,
        "test": issue.test,
        "text": issue.text,
        "severity": issue.severity,
        "confidence": issue.confidence,
        "cwe": issue.cwe.id if issue.cwe else 0,
        "line": issue.lineno,
        "end_line": span[-1],
        "column": issue.col_offset + 1,
        "scope": scope,
        "node": node if "(" in node else f"{node} {' '.join(line.split())}",
        "nosec": nosec,
        "snippet": [
            [n, lines[n - 1]] for n in range(max(1, issue.lineno - 1), min(len(lines), issue.lineno + 1) + 1)
        ],
    }


if __name__ == "__main__":
    main()
