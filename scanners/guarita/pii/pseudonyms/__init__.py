"""Pseudonyms that whoever may can turn back: made, and turned back on the record."""
