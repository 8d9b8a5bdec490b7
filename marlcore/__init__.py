"""Games, exact values, divergences, bounds and update objectives, each formula written once over any kind of number.

NumPy batches test a lemma on thousands of games a second, torch tensors attack it by gradient search and train
networks with it, rationals and balls certify it for an instance, and sympy proves it for a shape. Everything else in
the distribution (``tabular``, ``deep``, ``proofs_check``, ``figures``) stands on these formulas; this package imports
none of them.
"""
