"""The laws of the claims in markov/friend_or_foe."""

from laws import of_file

test_laws = of_file("markov/friend_or_foe")
