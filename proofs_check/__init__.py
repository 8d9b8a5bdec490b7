"""Claims of multi-agent theory, each stated once, then sampled, attacked, certified in exact arithmetic and derived."""
