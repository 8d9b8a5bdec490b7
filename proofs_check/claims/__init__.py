"""Claims, a folder a source, a file a result; found by looking (``proofs_check.ledger``)."""
