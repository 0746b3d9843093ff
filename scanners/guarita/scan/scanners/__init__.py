"""The scanners, a package each. `known` has them by name."""
