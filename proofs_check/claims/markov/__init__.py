"""Claims about Markov games and learners on them."""
