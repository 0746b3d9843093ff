"""Streaming evaluation: events in, in the ledger's order, detections out, in bounded memory."""
