"""The seam between the gate and its reports: a verdict goes in, bytes of one format come out."""

from __future__ import annotations

import abc
from typing import ClassVar

from guarita.policy.gate.verdict import Verdict


class Reporter(abc.ABC):
    """One report format. A reporter only renders: it decides nothing, reads no file and no clock."""

    name: ClassVar[str]
    """As given to `--output`: `sarif`, `html`, …"""
    summary: ClassVar[str]
    """What it is for, in a line."""

    @abc.abstractmethod
    def render(self, verdict: Verdict) -> bytes:
        """The whole report. Text is UTF-8; nothing in it is a secret or a personal datum."""
