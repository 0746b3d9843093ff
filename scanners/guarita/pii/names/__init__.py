"""People, addresses and places, by a small model and rules about what it cannot see."""

from __future__ import annotations

from functools import cache

from guarita.pii.names.finder import NameFinder
from guarita.pii.names.interface import Classifier, ModelError

__all__ = ["Classifier", "ModelError", "NameFinder", "installed_finder"]


@cache
def installed_finder() -> NameFinder:
    """The finder on the installed model, one a process.

    Raises ModelError, MissingExtraError.
    """
    # Imported when names are wanted: the model's runtime takes 50 MB.
    from guarita.pii.names.rampart import rampart  # noqa: PLC0415
    from guarita.pii.names.tagger import tagger  # noqa: PLC0415

    return NameFinder(rampart(), tagger())
