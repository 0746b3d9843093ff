"""Which files may hold Kubernetes objects, or make some."""

from __future__ import annotations

import re
from typing import Final

from guarita.scan.interface import TreeFile

KUSTOMIZATIONS: Final = frozenset({"kustomization.yaml", "kustomization.yml", "Kustomization"})
CHART: Final = "Chart.yaml"
_PLAIN: Final = frozenset({".yaml", ".yml", ".json"})
_TEMPLATE: Final = re.compile(
    r"\.ya?ml\.\w+$|\.json\.(tmpl|tpl|gotmpl|j2|jinja2?|template|in|erb|mustache)$|\.(tpl|gotmpl)$",
    re.IGNORECASE,
)
_FIELDS: Final = (re.compile(rb"(?m)^apiVersion:[ \t]*\S"), re.compile(rb"(?m)^kind:[ \t]*\S"))
_EXPRESSION: Final = re.compile(rb"\{\{|\{%|<%|\$\{|\[\[")
_JSON_OBJECT: Final = re.compile(rb"apiVersion|\\u00|AWS::")


def is_claimed(file: TreeFile) -> bool:
    """Whether a file may be a manifest, or a template of one: by its name, or without an ending by its head."""
    if file.suffix in _PLAIN or file.name in KUSTOMIZATIONS or is_template(file):
        return True
    # `kubectl apply -f deploy/prod` takes a file whatever it is called.
    return not file.suffix and all(field.search(file.head) for field in _FIELDS)


def is_template(file: TreeFile) -> bool:
    """Whether the name says that something has to be filled in."""
    return _TEMPLATE.search(file.name) is not None


def is_kustomization(file: TreeFile) -> bool:
    return file.name in KUSTOMIZATIONS


def has_expressions(content: bytes) -> bool:
    """Whether a template has anything to fill in, in any of the usual languages."""
    return _EXPRESSION.search(content) is not None


def may_hold_objects(file: TreeFile, content: bytes) -> bool:
    """Whether a JSON file has the field that every Kubernetes object has. Of YAML one cannot say it so cheaply."""
    return file.suffix != ".json" or _JSON_OBJECT.search(content) is not None
