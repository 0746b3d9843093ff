"""bandit's visitor with a check that fails raising, on a tree that is parsed already, and without its logging.

Imported in the worker process only.
"""

from __future__ import annotations

import ast
import io
from typing import Any

from bandit.core import config, manager, node_visitor, utils


class Visitor(node_visitor.BanditNodeVisitor):  # type: ignore[misc]  # bandit has no types
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

    def update_scores(self, scores: object) -> None:
        """Keep no scores: findings are what is wanted."""


def issues_of(profile: config.BanditConfig, path: str, content: bytes, tree: ast.Module) -> list[Any]:
    """Bandit's issues for source that parses as `tree`. Raises whatever a check raises."""
    runner = manager.BanditManager(profile, "file")
    runner.metrics.begin(path)
    visitor = Visitor(path, io.BytesIO(content), runner.b_ma, runner.b_ts, False, {}, runner.metrics)
    # bandit would log a check that fails, and call the file clean. (Its debug flag alone on the visitor would
    # dump every node for the log.)
    visitor.tester.debug = True
    visitor.generic_visit(tree)
    whole = {"lineno": 0, "linerange": [0, 1], "col_offset": 0}
    visitor.tester.run_tests({"file_data": visitor.fdata, "filename": path, **whole}, "File")
    return list(visitor.tester.results)
