"""Where alerts are kept: beside the ledger."""
