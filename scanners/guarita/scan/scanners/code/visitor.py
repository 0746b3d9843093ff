"""bandit's visitor and tester with a check that fails raising, on a tree that is parsed already, and nothing done twice.

Most nodes have no check, and no file here has bandit's own suppressions: those are read elsewhere and shown. What
these would cost is left out; what is visited, in which order, and what each check is told, is bandit's own. Imported in
the worker process only.
"""

from __future__ import annotations

import ast
import functools
import io
from typing import Any

from bandit.core import config, context, manager, node_visitor, tester, utils


class Tester(tester.BanditTester):  # type: ignore[misc]  # bandit has no types
    """Runs the checks of a node: bandit's own loop, less its scores and its suppressions."""

    def run_tests(self, raw_context: dict[str, Any], checktype: str) -> None:
        """Keep what each check of this kind reports. Raises whatever a check raises."""
        for test in self.testset.get_tests(checktype):
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

    def generic_visit(self, node: Any) -> None:
        """Visit what is in a node: bandit's own order."""
        for name in node._fields:
            value = getattr(node, name, None)
            if isinstance(value, list):
                following = [*value[1:], None]
                for item, sibling in zip(value, following, strict=False):
                    if isinstance(item, ast.AST):
                        self._step(item, node, sibling)
            elif isinstance(value, ast.AST):
                self._step(value, node, None)

    def update_scores(self, scores: object) -> None:
        """Keep no scores: findings are what is wanted."""

    def _step(self, node: Any, parent: Any, sibling: Any) -> None:
        node._bandit_parent, node._bandit_sibling = parent, sibling  # noqa: SLF001  # bandit's own marks
        if not self._is_looked_at(node):
            self.generic_visit(node)
            return
        self.pre_visit(node)
        self.visit(node)
        self.generic_visit(node)
        self.post_visit(node)

    def _is_looked_at(self, node: Any) -> bool:
        """Whether anything is done at a node but going on."""
        if isinstance(node, ast.Constant):
            return isinstance(node.value, str | bytes)
        kind = node.__class__.__name__
        return hasattr(self, f"visit_{kind}") or bool(self.testset.get_tests(kind))


@functools.lru_cache(maxsize=1)
def _manager(profile: config.BanditConfig) -> Any:
    """Bandit's manager, whose checks are the same for every file."""
    return manager.BanditManager(profile, "file")


def issues_of(profile: config.BanditConfig, path: str, content: bytes, tree: ast.Module) -> list[Any]:
    """Bandit's issues for source that parses as `tree`. Raises whatever a check raises."""
    runner = _manager(profile)
    runner.metrics.begin(path)
    visitor = Visitor(path, io.BytesIO(content), runner.b_ma, runner.b_ts, False, {}, runner.metrics)
    visitor.tester = Tester(runner.b_ts, False, {}, runner.metrics)
    visitor.generic_visit(tree)
    whole = {"lineno": 0, "linerange": [0, 1], "col_offset": 0}
    visitor.tester.run_tests({"file_data": visitor.fdata, "filename": path, **whole}, "File")
    return list(visitor.tester.results)
