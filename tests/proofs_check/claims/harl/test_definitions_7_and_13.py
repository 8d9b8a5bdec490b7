"""The laws of the claims in harl/definitions_7_and_13."""

from laws import of_file

test_laws = of_file("harl/definitions_7_and_13")
