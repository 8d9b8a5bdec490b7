"""The laws of the claims in harl/surrogates."""

from laws import of_file

test_laws = of_file("harl/surrogates")
