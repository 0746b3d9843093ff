"""Packs: what an architecture asks for, as data that a scanner holds the tree against."""
