"""Metrics of rotation: how old every secret is, what is under way, and when a run last ended."""

from guarita.rotation.metrics.collect import RunState, SecretState, exposition
from guarita.rotation.metrics.publish import publish

__all__ = ["RunState", "SecretState", "exposition", "publish"]
