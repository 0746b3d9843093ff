"""Redaction: data taken out of a document, in its own format, wherever it stands."""
