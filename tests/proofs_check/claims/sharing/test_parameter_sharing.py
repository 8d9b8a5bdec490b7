"""The laws of the claims in sharing/parameter_sharing."""

from laws import of_file

test_laws = of_file("sharing/parameter_sharing")
