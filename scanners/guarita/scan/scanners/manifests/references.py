"""What a kustomization names: files and folders of the tree, or what it must not."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

PATHS = ("resources", "bases", "components", "crds", "configurations")
PLUGINS = ("generators", "transformers", "validators")
PATCHES = ("patches", "patchesJson6902", "replacements")
GENERATORS = ("configMapGenerator", "secretGenerator")
HELM = ("helmCharts", "helmChartInflationGenerator")


@dataclass(frozen=True)
class Reference:
    """A file or folder that a kustomization names, relative to the scanned root."""

    path: str
    patch: bool = False


def references_of(data: dict[str, Any], folder: str) -> tuple[str, list[Reference]]:
    """Why a kustomization cannot be built here, or nothing, and what it names in the tree."""
    if any(data.get(name) for name in HELM):
        return "it inflates a Helm chart, which kubectl does not do here", []
    found: list[Reference] = []
    for word, patch in _named(data):
        if not isinstance(word, str):
            return "it names something that is no path", found
        if "\n" in word:
            continue
        if "://" in word or word.startswith(("/", "git@", "git::")):
            return "it names what is not in the tree; nothing is fetched", found
        path = posixpath.normpath(posixpath.join(folder, word))
        if path == ".." or path.startswith("../"):
            return "it reaches outside the tree", found
        found.append(Reference("" if path == "." else path, patch))
    return "", found


def _named(data: dict[str, Any]) -> Iterator[tuple[Any, bool]]:
    for name in (*PATHS, *PLUGINS):
        for item in _list(data.get(name)):
            yield item, False
    for item in _list(data.get("patchesStrategicMerge")):
        yield item, True
    for name in PATCHES:
        for item in _list(data.get(name)):
            if isinstance(item, dict) and item.get("path") is not None:
                yield item["path"], True
    for name in GENERATORS:
        for item in _list(data.get(name)):
            yield from ((word, False) for word in _files(item))
    openapi = data.get("openapi")
    if isinstance(openapi, dict) and openapi.get("path") is not None:
        yield openapi["path"], False


def _files(generator: Any) -> Iterator[Any]:
    if not isinstance(generator, dict):
        return
    for word in _list(generator.get("files")):
        yield word.rpartition("=")[2] if isinstance(word, str) else word
    yield from _list(generator.get("envs"))
    if generator.get("env") is not None:
        yield generator["env"]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]
