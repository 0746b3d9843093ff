"""The `dependencies` scanner: packages that locks and requirements name, held against published advisories."""
