"""The commands that this package registers."""
