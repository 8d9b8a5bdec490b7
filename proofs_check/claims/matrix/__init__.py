"""Claims about matrix games and learners on them."""
