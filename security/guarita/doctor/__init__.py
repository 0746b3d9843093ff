"""`guarita doctor`: whether what Guarita stands on is in order. Each part brings its own checks, by entry point."""

from guarita.doctor.interface import Check, Found, Standing, Subject

__all__ = ["Check", "Found", "Standing", "Subject"]
