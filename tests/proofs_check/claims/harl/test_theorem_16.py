"""The laws of the claims in harl/theorem_16."""

from laws import of_file

test_laws = of_file("harl/theorem_16")
