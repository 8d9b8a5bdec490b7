"""Exact solvers, planners and learners for matrix and Markov games: every result carries a certified error."""
