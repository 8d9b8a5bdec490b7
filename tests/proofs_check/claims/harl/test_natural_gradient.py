"""The laws of the claims in harl/natural_gradient."""

from laws import of_file

test_laws = of_file("harl/natural_gradient")
