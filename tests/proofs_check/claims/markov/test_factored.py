"""The laws of the claims in markov/factored."""

from laws import of_file

test_laws = of_file("markov/factored")
