"""Presidio's analyzer over a folder of documents, as its documentation shows it: it has no command of its own.

Its pattern recognizers alone, on a blank pipeline: no model is loaded, which is the fastest that it can be. Its
fetch of a list of domains from the network, at the first e-mail, is switched off.
"""

import sys
from pathlib import Path

import spacy
import tldextract.tldextract as domains
from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
from presidio_analyzer.nlp_engine import SpacyNlpEngine


class Blank(SpacyNlpEngine):
    """A pipeline that only splits words."""

    def __init__(self) -> None:
        super().__init__(models=[{"lang_code": "en", "model_name": "blank"}])
        self.nlp = {"en": spacy.blank("en")}

    def load(self) -> None:
        """There is nothing to load."""

    def is_loaded(self) -> bool:
        """It is."""
        return True


domains.TLD_EXTRACTOR = domains.TLDExtract(suffix_list_urls=(), cache_dir=None)
registry = RecognizerRegistry()
registry.load_predefined_recognizers(languages=["en"])
engine = AnalyzerEngine(registry=registry, nlp_engine=Blank(), supported_languages=["en"])
found = 0
for path in sorted(Path(sys.argv[1]).rglob("*.md")):
    found += len(engine.analyze(path.read_text(encoding="utf-8"), language="en"))
print(found)
