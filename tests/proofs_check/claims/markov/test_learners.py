"""The laws of the claims in markov/learners."""

from laws import of_file

test_laws = of_file("markov/learners")
