"""The laws of the claims in markov/stage_games."""

from laws import of_file

test_laws = of_file("markov/stage_games")
