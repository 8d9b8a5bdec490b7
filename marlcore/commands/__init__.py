"""The commands that the bottom package owns, one file each."""
