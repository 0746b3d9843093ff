"""The keys that sign a ledger's checkpoints: where they are kept, and how one follows another."""
