"""Sinks copy entries out of the ledger, after it: at least once, each with its own durable cursor."""
