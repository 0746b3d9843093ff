"""Evidence: one file that shows an outsider, offline, what happened, and what it cannot show."""
