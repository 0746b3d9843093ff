"""Personal data in documents: recognizers, documents, detection. Usable without the rest of Guarita."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from guarita.pii.documents import DocumentError, Limits, Source
    from guarita.pii.engine import Detector
    from guarita.pii.handling import Decision
    from guarita.pii.ingest import IngestGate, Outcome
    from guarita.pii.inspection import Located, inspect
    from guarita.pii.interface import Detection, Evidence

__all__ = [
    "Decision",
    "Detection",
    "Detector",
    "DocumentError",
    "Evidence",
    "IngestGate",
    "Limits",
    "Located",
    "Outcome",
    "Source",
    "inspect",
]

_PLACES = {
    "Decision": "handling",
    "Detection": "interface",
    "Detector": "engine",
    "DocumentError": "documents",
    "Evidence": "interface",
    "IngestGate": "ingest",
    "Limits": "documents",
    "Located": "inspection",
    "Outcome": "ingest",
    "Source": "documents",
    "inspect": "inspection",
}
"""The module of each name, imported when it is first used: who only asks what a document is loads no engine."""


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(name)
    return getattr(importlib.import_module(f"{__name__}.{_PLACES[name]}"), name)
