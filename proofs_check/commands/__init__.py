"""The ledger's commands, one file each."""
