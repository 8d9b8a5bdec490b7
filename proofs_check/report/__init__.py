"""The ledger as pages: one self-contained HTML file, and ``docs/claims.md``."""
