"""The laws of the claims in markov/maddpg."""

from laws import of_file

test_laws = of_file("markov/maddpg")
