"""What a change does to its own judge: policy, baseline, workflow and tests of the gate, against the base revision."""

from guarita.scan.weakening.compare import is_watched, weakened

__all__ = ["is_watched", "weakened"]
