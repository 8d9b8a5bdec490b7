"""The laws of the claims in matrix/zero_sum."""

from laws import of_file

test_laws = of_file("matrix/zero_sum")
