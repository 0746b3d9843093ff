"""Tools with environments of their own: made by `guarita tools sync`, found by the scanners."""

from guarita.scan.tools.checkov import Checkov, checkov_python
from guarita.scan.tools.home import standing, sync, tools_home
from guarita.scan.tools.interface import Standing, State, Tool, ToolError
from guarita.scan.tools.kube import Binary, Kube, find_helm, find_kustomize, renderers

TOOLS: tuple[Tool, ...] = (Checkov(), Kube())

__all__ = [
    "TOOLS",
    "Binary",
    "Checkov",
    "Standing",
    "State",
    "Tool",
    "ToolError",
    "checkov_python",
    "find_helm",
    "find_kustomize",
    "renderers",
    "standing",
    "sync",
    "tools_home",
]
