"""The detector that the section `pii` of guarita.yaml asks for, for everybody or for one tenant."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Sequence
from typing import Any

from guarita.config.pii import ListedValue, PiiSection, RecognizerSection
from guarita.errors import MissingExtraError, UsageError
from guarita.pii.engine import Detector
from guarita.pii.lists import Lists, listed
from guarita.pii.presidio import EntityRecognizer
from guarita.pii.recognizers import DEFAULT, OPTIONAL
from guarita.pii.recognizers.configured import ConfiguredRecognizer


def detector(section: PiiSection, tenant: str = "") -> Detector:
    """The detector of a section; a tenant's lists and recognizers come on top of everybody's.

    A tenant that the section does not name has what everybody has. The model is loaded by `Detector.load` or
    at the first text. Raises UsageError: `pii.pattern`, `pii.list`, `pii.plugin`, `pii.entity`.
    """
    own = section.tenants.get(tenant)
    ignored = frozenset(section.ignore)
    optional = {kind.ENTITY: kind for kind in OPTIONAL}
    unknown = [name for name in section.enable if name not in optional]
    if unknown:
        raise UsageError(
            "pii.entity",
            f"pii.enable: {unknown[0]} is not a type that is off by default",
            hint=f"one of: {', '.join(sorted(optional))}",
        )
    kinds = [kind for kind in DEFAULT if kind.ENTITY not in ignored]
    kinds += [kind for name, kind in optional.items() if name in section.enable and name not in ignored]
    recognizers: list[EntityRecognizer] = [kind() for kind in kinds]
    recognizers += (_configured(item) for item in (*section.recognizers, *(own.recognizers if own else ())))
    recognizers += map(_plugin, section.plugins)
    return Detector(
        recognizers,
        names=section.names == "required",
        threshold=section.threshold,
        engine=section.engine,
        ignored=ignored,
        lists=Lists(
            tuple(_entries(section.allow, own.allow if own else ())),
            tuple(_entries(section.deny, own.deny if own else ())),
        ),
    )


def _entries(*groups: Sequence[ListedValue]) -> Iterable[Any]:
    for item in (entry for group in groups for entry in group):
        try:
            yield listed(item.value, _compiled(item.pattern) if item.pattern else None, item.entity)
        except ValueError as error:
            raise UsageError("pii.list", f"pii: {error}", hint="give a whole value, or a pattern") from error


def _configured(section: RecognizerSection) -> ConfiguredRecognizer:
    return ConfiguredRecognizer(section, [_compiled(pattern) for pattern in section.patterns])


def _compiled(pattern: str) -> Any:
    try:
        import re2  # noqa: PLC0415  # an extra
    except ImportError as error:
        raise MissingExtraError("pii", "google-re2") from error
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        raise UsageError(
            "pii.pattern",
            f"pii: {pattern!r} is no pattern of RE2",
            hint="see https://github.com/google/re2/wiki/Syntax",
        ) from error


def _plugin(reference: str) -> EntityRecognizer:
    module, _, name = reference.partition(":")
    hint = "a plugin is MODULE:CLASS of a Presidio recognizer that takes no arguments"
    try:
        kind = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise UsageError("pii.plugin", f"pii.plugins: {reference} cannot be imported", hint=hint) from error
    try:
        made = kind()
    except TypeError as error:
        raise UsageError("pii.plugin", f"pii.plugins: {reference} cannot be made", hint=hint) from error
    if not isinstance(made, EntityRecognizer):
        raise UsageError("pii.plugin", f"pii.plugins: {reference} is no recognizer", hint=hint)
    return made
