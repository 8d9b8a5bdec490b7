"""The laws of the claims in harl/definition_3."""

from laws import of_file

test_laws = of_file("harl/definition_3")
