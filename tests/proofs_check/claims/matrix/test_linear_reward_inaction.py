"""The laws of the claims in matrix/linear_reward_inaction."""

from laws import of_file

test_laws = of_file("matrix/linear_reward_inaction")
