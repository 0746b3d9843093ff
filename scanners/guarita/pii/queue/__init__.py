"""Documents on many machines: references on a queue, documents read where they are, results in the ledger."""
