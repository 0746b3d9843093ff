"""What a mapping in guarita.yaml is, for sections that stand in files of their own."""

from __future__ import annotations

import msgspec


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A mapping in guarita.yaml. Keys that it does not know are errors."""
