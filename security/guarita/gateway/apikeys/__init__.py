"""API keys: a secret with a fixed look, kept as a keyed hash, scoped, expiring, revocable."""
