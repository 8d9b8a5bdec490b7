"""The laws of the claims in markov/igm."""

from laws import of_file

test_laws = of_file("markov/igm")
