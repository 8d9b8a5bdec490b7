"""SMAC's battles without StarCraft: 23 maps and random teams, compiled, in batches (``skirmish:3m``)."""
