"""Detection: rules over the ledger, and who hears of what they find."""
