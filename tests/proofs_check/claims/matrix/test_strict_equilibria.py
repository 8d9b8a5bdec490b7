"""The laws of the claims in matrix/strict_equilibria."""

from laws import of_file

test_laws = of_file("matrix/strict_equilibria")
