"""What holds for every test: property tests find the same examples every time, and a test process is one thread."""

import os

from hypothesis import HealthCheck, settings

# pytest-xdist already uses every core; nothing here imports NumPy or torch, which read these when they are imported
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

settings.register_profile("default", derandomize=True, deadline=None, print_blob=True)
settings.register_profile(
    "search", max_examples=2000, deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))
