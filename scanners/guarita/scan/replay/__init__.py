"""A verdict of the ledger, run again: what it rested on is found by its digests, and the answer must be the same."""

from guarita.scan.replay.compare import Difference, differences
from guarita.scan.replay.find import find_baseline, find_policy_of, find_trees
from guarita.scan.replay.past import Past, past_verdict

__all__ = [
    "Difference",
    "Past",
    "differences",
    "find_baseline",
    "find_policy_of",
    "find_trees",
    "past_verdict",
]
