"""The laws of the claims in harl/drifts."""

from laws import of_file

test_laws = of_file("harl/drifts")
