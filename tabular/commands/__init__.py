"""The commands of the exact solvers, one file each."""
