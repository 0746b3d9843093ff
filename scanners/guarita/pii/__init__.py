"""Personal data in documents: recognizers, documents, detection. Usable without the rest of Guarita."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from guarita.pii.documents import DocumentError, Limits, Source
    from guarita.pii.engine import Detector
    from guarita.pii.inspection import Located, inspect
    from guarita.pii.interface import Detection, Evidence

__all__ = ["Detection", "Detector", "DocumentError", "Evidence", "Limits", "Located", "Source", "inspect"]

_PLACES = {
    "Detection": "interface",
    "Detector": "engine",
    "DocumentError": "documents",
    "Evidence": "interface",
    "Limits": "documents",
    "Located": "inspection",
    "Source": "documents",
    "inspect": "inspection",
}
"""The module of each name, imported when it is first used: who only asks what a document is loads no engine."""


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(name)
    return getattr(importlib.import_module(f"{__name__}.{_PLACES[name]}"), name)
