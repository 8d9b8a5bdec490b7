"""The laws of the claims in harl/definition_1."""

from laws import of_file

test_laws = of_file("harl/definition_1")
