"""The parts of benchmarks/gateway.py: requests of an application, new tokens, the server, an outage."""
