"""bandit's visitor and tester with a check that fails raising, on a tree that is parsed already, and nothing done twice.

Most nodes have no check, and no file here has bandit's own suppressions: those are read elsewhere and shown. What
these would cost is left out; what is visited, in which order, and what each check is told, is bandit's own. Imported in
the worker process only.
"""

from __future__ import annotations

import ast
import functools
import io
from collections.abc import Iterable
from typing import Any

from bandit.core import config, context, manager, node_visitor, tester, utils

from guarita.scan.scanners.code.reach import Reach

_MARKS = (ast.expr_context, ast.operator, ast.unaryop, ast.boolop, ast.cmpop)
"""Nodes that hold nothing: `Load`, `Add`, and their like."""


class Tester(tester.BanditTester):  # type: ignore[misc]  # bandit has no types
    """Runs the checks of a node: bandit's own loop, less its scores and its suppressions."""

    def run_tests(self, raw_context: dict[str, Any], checktype: str) -> None:
        """Keep what each check of this kind reports. Raises whatever a check raises."""
        self.run(raw_context, self.testset.get_tests(checktype))

    def run(self, raw_context: dict[str, Any], tests: Iterable[Any]) -> None:
        """As `run_tests`, with the checks that are to be asked."""
        for test in tests:
            given = context.Context(raw_context.copy())
            result = test(given, test._config) if hasattr(test, "_config") else test(given)  # noqa: SLF001  # bandit's own protocol
            if result is None:
                continue
            result.fname = raw_context["filename"]
            result.fdata = raw_context["file_data"]
            if result.lineno is None:
                result.lineno = raw_context["lineno"]
            if result.linerange == []:
                result.linerange = raw_context["linerange"]
            if result.col_offset == -1:
                result.col_offset = raw_context["col_offset"]
            result.end_col_offset = raw_context.get("end_col_offset", 0)
            result.test = test.__name__
            if not result.test_id:
                result.test_id = test._test_id  # noqa: SLF001
            self.results.append(result)


class Visitor(node_visitor.BanditNodeVisitor):  # type: ignore[misc]
    """Visits what bandit's own visits, in its order, and runs the same checks on the same contexts."""

    reach: Reach

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._looked_at: dict[type, bool] = {}
        self._fields: dict[type, tuple[str, ...]] = {}

    def pre_visit(self, node: Any) -> bool:
        """Set the context of a node: bandit's own, less its log."""
        self.context = {
            "imports": self.imports,
            "import_aliases": self.import_aliases,
            "node": node,
            "linerange": utils.linerange(node),
            "filename": self.fname,
            "file_data": self.fdata,
        }
        for name in ("lineno", "col_offset", "end_col_offset"):
            if hasattr(node, name):
                self.context[name] = getattr(node, name)
        self.depth += 1
        return True

    def post_visit(self, node: Any) -> None:
        """Leave a node: bandit's own, less its log."""
        self.depth -= 1
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            self.namespace: str = utils.namespace_path_split(self.namespace)[0]

    def visit_Call(self, node: ast.Call) -> None:  # noqa: N802  # bandit's own name
        """Run the checks that can say anything about this call, with bandit's own context."""
        qualified = utils.get_call_name(node, self.import_aliases)
        self.context |= {"call": node, "qualname": qualified, "name": qualified.rpartition(".")[2]}
        self.tester.run(self.context, self.reach.of(node, qualified))

    def generic_visit(self, node: Any) -> None:
        """Visit what is in a node: bandit's own order."""
        fields = self._fields.get(node.__class__)
        if fields is None:
            fields = self._fields[node.__class__] = self._fields_of(node)
        for name in fields:
            value = getattr(node, name, None)
            if isinstance(value, list):
                last = len(value) - 1
                for index, item in enumerate(value):
                    if isinstance(item, ast.AST):
                        self._step(item, node, value[index + 1] if index < last else None)
            elif isinstance(value, ast.AST):
                self._step(value, node, None)

    def update_scores(self, scores: object) -> None:
        """Keep no scores: findings are what is wanted."""

    def _fields_of(self, node: Any) -> tuple[str, ...]:
        """The fields of a kind of node that may lead to anything that is looked at."""
        if any(self.testset.get_tests(kind.__name__) for kind in _MARKS):
            return tuple(node._fields)
        return tuple(name for name in node._fields if name not in {"ctx", "op", "ops"})

    def _step(self, node: Any, parent: Any, sibling: Any) -> None:
        node._bandit_parent, node._bandit_sibling = parent, sibling  # noqa: SLF001  # bandit's own marks
        looked_at = self._looked_at.get(node.__class__)
        if looked_at is None:
            kind = node.__class__.__name__
            looked_at = hasattr(self, f"visit_{kind}") or bool(self.testset.get_tests(kind))
            self._looked_at[node.__class__] = looked_at
        if not looked_at or (node.__class__ is ast.Constant and not isinstance(node.value, str | bytes)):
            self.generic_visit(node)
            return
        self.pre_visit(node)
        self.visit(node)
        self.generic_visit(node)
        self.post_visit(node)


@functools.lru_cache(maxsize=1)
def _manager(profile: config.BanditConfig) -> Any:
    """Bandit's manager, whose checks are the same for every file."""
    return manager.BanditManager(profile, "file")


@functools.lru_cache(maxsize=1)
def _reach(testset: Any) -> Reach:
    return Reach(testset.get_tests("Call"))


def issues_of(profile: config.BanditConfig, path: str, content: bytes, tree: ast.Module) -> list[Any]:
    """Bandit's issues for source that parses as `tree`. Raises whatever a check raises."""
    runner = _manager(profile)
    runner.metrics.begin(path)
    visitor = Visitor(path, io.BytesIO(content), runner.b_ma, runner.b_ts, False, {}, runner.metrics)
    visitor.reach = _reach(runner.b_ts)
    visitor.tester = Tester(runner.b_ts, False, {}, runner.metrics)
    visitor.generic_visit(tree)
    whole = {"lineno": 0, "linerange": [0, 1], "col_offset": 0}
    visitor.tester.run_tests({"file_data": visitor.fdata, "filename": path, **whole}, "File")
    return list(visitor.tester.results)
