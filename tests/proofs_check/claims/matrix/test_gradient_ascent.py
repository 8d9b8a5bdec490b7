"""The laws of the claims in matrix/gradient_ascent."""

from laws import of_file

test_laws = of_file("matrix/gradient_ascent")
