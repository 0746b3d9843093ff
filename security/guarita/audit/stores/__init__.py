"""Ledger stores: one interface, one file for each place a ledger can be kept."""
