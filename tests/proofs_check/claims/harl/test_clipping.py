"""The laws of the claims in harl/clipping."""

from laws import of_file

test_laws = of_file("harl/clipping")
