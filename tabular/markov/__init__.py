"""Exact solvers for Markov games: zero-sum (Shapley), teams, friends against foes, general-sum value iteration."""
