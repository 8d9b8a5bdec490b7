"""The same updates on networks: environments, sharing schemes, algorithms, training, audits against exact values."""
