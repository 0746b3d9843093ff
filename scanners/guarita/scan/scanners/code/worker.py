"""bandit in a process of its own: one JSON request a line names a file, one JSON answer a line.

Started with `-I` on the command line, so that nothing in the current folder or the environment is imported.
"""

from __future__ import annotations

import ast
import json
import logging
import resource
import sys
import tokenize
import warnings
from pathlib import Path
from typing import Any

from bandit.core import config, manager, node_visitor

MEMORY = 2 * 1024**3
"""Bytes of address space; a file that makes the parser want more is unparseable."""


def main() -> None:
    """Answer requests until stdin ends."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    answers = sys.stdout
    sys.stdout = sys.stderr  # whatever a library prints, the protocol stays clean
    profile = config.BanditConfig()
    for line in sys.stdin:
        answer = scan(profile, Path(json.loads(line)["path"]))
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def scan(profile: config.BanditConfig, path: Path) -> dict[str, Any]:
    """Scan one file: `findings`, or `error` where Python cannot parse it."""
    content = path.read_bytes()
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return {"error": _reason(error)}
    issues = _issues(profile, path, content)
    if issues is None:
        return {"error": "bandit could not finish this file"}
    try:
        scopes = _scopes(tree)
        comments = _nosec(path)
    except RecursionError:
        return {"error": "nested too deeply"}
    lines = content.decode("utf-8", "replace").splitlines()
    return {"findings": [_finding(issue, scopes, comments, lines) for issue in issues]}


def _issues(profile: config.BanditConfig, path: Path, content: bytes) -> list[Any] | None:
    runner = manager.BanditManager(profile, "file")
    runner.metrics.begin(str(path))
    # debug=True: a check that fails raises, where bandit would log it and call the file clean.
    with path.open("rb") as stream:
        visitor = node_visitor.BanditNodeVisitor(
            str(path), stream, runner.b_ma, runner.b_ts, True, {}, runner.metrics
        )
        try:
            visitor.process(content)
        except Exception as error:  # noqa: BLE001  # any check may raise anything; the file is then not vouched for
            print(f"bandit: {type(error).__name__}", file=sys.stderr)
            return None
    return list(visitor.tester.results)


def _reason(error: BaseException) -> str:
    version = f"Python {sys.version_info[0]}.{sys.version_info[1]}"
    if isinstance(error, SyntaxError):
        return f"{version} cannot parse it: {error.msg} (line {error.lineno})"
    if isinstance(error, RecursionError | MemoryError):
        return f"{version} cannot parse it: nested too deeply"
    return f"{version} cannot parse it: {error}"


def _scopes(tree: ast.Module) -> list[tuple[int, int, str, str]]:
    """(first line, last line, qualified scope, the node without positions) of every statement, outermost first."""
    found: list[tuple[int, int, str, str]] = []

    def visit(node: ast.AST, scope: str) -> None:
        for child in ast.iter_child_nodes(node):
            inner = scope
            if isinstance(child, ast.stmt | ast.ExceptHandler):
                block = isinstance(getattr(child, "body", None), list)
                if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                    inner = f"{scope}.{child.name}" if scope else child.name
                text = type(child).__name__ if block else ast.dump(child)
                found.append((child.lineno, child.end_lineno or child.lineno, inner, text))
            visit(child, inner)

    visit(tree, "")
    return found


def _nosec(path: Path) -> dict[int, str]:
    """The text of each `# nosec` comment by its line."""
    found = {}
    try:
        with tokenize.open(path) as stream:
            for token in tokenize.generate_tokens(stream.readline):
                if token.type == tokenize.COMMENT and "nosec" in token.string:
                    found[token.start[0]] = token.string.partition("nosec")[2].strip(" :")
    except (tokenize.TokenError, SyntaxError):
        return found
    return found


def _finding(
    issue: Any, scopes: list[tuple[int, int, str, str]], comments: dict[int, str], lines: list[str]
) -> dict[str, Any]:
    span = sorted(issue.linerange or [issue.lineno])
    around = [entry for entry in scopes if entry[0] <= issue.lineno <= entry[1]]
    scope, node = (around[-1][2], around[-1][3]) if around else ("", "")
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
