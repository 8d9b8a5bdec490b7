"""The laws of the claims in harl/propositions_4_and_5."""

from laws import of_file

test_laws = of_file("harl/propositions_4_and_5")
