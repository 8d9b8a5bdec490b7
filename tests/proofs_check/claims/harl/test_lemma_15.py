"""The laws of the claims in harl/lemma_15."""

from laws import of_file

test_laws = of_file("harl/lemma_15")
