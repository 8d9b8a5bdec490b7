"""The laws of the claims in markov/mean_field."""

from laws import of_file

test_laws = of_file("markov/mean_field")
