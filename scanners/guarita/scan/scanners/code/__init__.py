"""The `code` scanner."""
