"""The `secrets` scanner."""
