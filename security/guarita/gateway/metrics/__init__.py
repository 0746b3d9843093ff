"""Metrics in Prometheus' format, where guarita.yaml asks for them. Loaded only then."""
