"""Personal data in documents: recognizers, documents, detection. Usable without the rest of Guarita."""

from guarita.pii.documents import DocumentError, Limits, Source
from guarita.pii.engine import Detector
from guarita.pii.inspection import Located, inspect
from guarita.pii.interface import Detection, Evidence

__all__ = ["Detection", "Detector", "DocumentError", "Evidence", "Limits", "Located", "Source", "inspect"]
