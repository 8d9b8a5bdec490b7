"""The laws of the claims in markov/shapley."""

from laws import of_file

test_laws = of_file("markov/shapley")
