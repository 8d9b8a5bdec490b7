"""What runs in the worker processes of an environment: copies of a task, in NumPy. Nothing here imports torch."""
