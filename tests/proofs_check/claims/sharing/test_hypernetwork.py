"""The laws of the claims in sharing/hypernetwork."""

from laws import of_file

test_laws = of_file("sharing/hypernetwork")
