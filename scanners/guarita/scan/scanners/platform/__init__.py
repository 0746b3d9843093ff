"""The `platform` scanner: the reference architecture's own demands."""
