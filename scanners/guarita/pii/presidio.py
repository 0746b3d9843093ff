"""Presidio's recognizer and result types, without what they do not need.

`import presidio_analyzer` runs an initialiser that loads spaCy, every recognizer and an HTTP client: about
2.7 CPU seconds and 110 MB where it was measured, before any text is read. The types themselves need none of
it. So the package is put in place with its initialiser deferred, as `importlib.util.LazyLoader` does for a
module: the six names below are there at once, and the first use of anything else in the package
(`presidio_analyzer.AnalyzerEngine`, `import presidio_analyzer.predefined_recognizers`) runs the initialiser.
No code of Presidio is changed, and there is one class of each name whoever imports it first, so a recognizer
written elsewhere fits.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import threading
from types import ModuleType

from guarita.errors import MissingExtraError

_PACKAGE = "presidio_analyzer"
# In an order in which each finds what it imports from the package.
_TYPES = (
    ("AnalysisExplanation", "analysis_explanation"),
    ("RecognizerResult", "recognizer_result"),
    ("EntityRecognizer", "entity_recognizer"),
    ("LocalRecognizer", "local_recognizer"),
    ("Pattern", "pattern"),
    ("PatternRecognizer", "pattern_recognizer"),
)
_LOCK = threading.RLock()


class _DeferredPackage(ModuleType):
    """A package whose initialiser has not run yet.

    It has no `__path__` of its own until then, so that importing a submodule runs the initialiser first,
    as it would without any of this.
    """

    _path: list[str]

    def __getattr__(self, name: str) -> object:
        if name.startswith("__") and name != "__path__":
            raise AttributeError(name)
        with _LOCK:
            if type(self) is _DeferredPackage:
                self._initialise()
        return getattr(self, name)

    def _initialise(self) -> None:
        spec = self.__spec__
        if spec is None or spec.loader is None:
            raise AttributeError(self.__name__)
        self.__path__ = self._path
        self.__class__ = ModuleType  # type: ignore[assignment]  # the initialiser sees a plain module
        spec.loader.exec_module(self)


def _defer() -> None:
    """Put the package in place with its types and nothing else, unless it has been imported already.

    Raises MissingExtraError when it is not installed.
    """
    if _PACKAGE in sys.modules:
        return
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None:
        raise MissingExtraError("pii", "presidio-analyzer")
    package = importlib.util.module_from_spec(spec)
    sys.modules[_PACKAGE] = package
    try:
        for name, submodule in _TYPES:
            setattr(package, name, getattr(importlib.import_module(f"{_PACKAGE}.{submodule}"), name))
    except BaseException:  # noqa: BLE001  # whatever fails here, the ordinary import decides
        # A release that lays its modules out differently: the ordinary import still works, only slower.
        del sys.modules[_PACKAGE]
        for name in [name for name in sys.modules if name.startswith(f"{_PACKAGE}.")]:
            del sys.modules[name]
        return
    package._path = package.__dict__.pop("__path__")  # type: ignore[attr-defined]  # noqa: SLF001
    package.__class__ = _DeferredPackage


_defer()

# Not `from presidio_analyzer import …`: that looks at `__path__`, and so would run the initialiser.
import presidio_analyzer  # noqa: E402  # after the deferral, which is the point

AnalysisExplanation = presidio_analyzer.AnalysisExplanation
EntityRecognizer = presidio_analyzer.EntityRecognizer
LocalRecognizer = presidio_analyzer.LocalRecognizer
Pattern = presidio_analyzer.Pattern
PatternRecognizer = presidio_analyzer.PatternRecognizer
RecognizerResult = presidio_analyzer.RecognizerResult

__all__ = [
    "AnalysisExplanation",
    "EntityRecognizer",
    "LocalRecognizer",
    "Pattern",
    "PatternRecognizer",
    "RecognizerResult",
]
