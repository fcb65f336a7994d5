"""Load on a running stack, and the ledger of what became of each message."""
