"""Trees to scan: a folder on disk or a revision in git, taken once as a snapshot."""

from guarita.scan.tree.interface import EntryKind, Tree, TreeError
from guarita.scan.tree.opening import open_trees
from guarita.scan.tree.revision import Revision
from guarita.scan.tree.snapshot import TakenSnapshot, take_snapshot
from guarita.scan.tree.staging import staging
from guarita.scan.tree.worktree import Folder

__all__ = [
    "EntryKind",
    "Folder",
    "Revision",
    "TakenSnapshot",
    "Tree",
    "TreeError",
    "open_trees",
    "staging",
    "take_snapshot",
]
