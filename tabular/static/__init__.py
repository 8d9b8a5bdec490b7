"""Exact solvers for matrix games: zero-sum, all equilibria, one equilibrium of n players, correlated, team."""
