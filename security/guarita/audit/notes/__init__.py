"""C2SP texts of a transparency log: signed notes, checkpoints, proofs."""
