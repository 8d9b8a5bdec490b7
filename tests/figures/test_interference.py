"""What was measured obeys theory, and the script measures it again."""

import importlib.util
import json
from pathlib import Path

import numpy as np

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "experiments" / "gradients.py"
TABLES = Path(__file__).parents[2] / "docs" / "gradients.json"


def script():
    spec = importlib.util.spec_from_file_location("interference_script", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_separate_networks_do_not_interfere_and_one_policy_earns_one_nth(data):
    made = data("interference")
    np.testing.assert_allclose(made.courses["NoPS"].cosine.estimate, 0, atol=1e-12)  # disjoint parameters
    np.testing.assert_allclose(made.courses["FuPS"].returns.estimate, 1 / made.agents, atol=1e-6)  # Σ_a π(a) = 1
    assert made.courses["FuPS"].cosine.high[0] < -0.33


def test_no_set_of_vectors_has_a_smaller_mean_cosine(data):
    """‖Σ unit vectors‖² ≥ 0 gives a mean cosine of −1/(n−1) at least."""
    made = data("interference")
    for course in made.courses.values():
        assert course.cosine.low.min() >= -1 / (made.agents - 1) - 1e-9
        assert course.returns.high.max() <= 1


def test_an_id_and_a_hypernetwork_free_the_agents(data):
    made = data("interference")
    assert made.courses["FuPS+ID"].cosine.high[0] < -0.1
    assert abs(made.courses["hypernetwork"].cosine.estimate).max() < 0.12
    for name in ("FuPS+ID", "hypernetwork", "NoPS"):
        assert made.courses[name].returns.low[-1] > 0.98
    early = made.steps == 20
    assert made.courses["hypernetwork"].returns.low[early] > made.courses["FuPS+ID"].returns.high[early]


def test_the_script_measures_this(data):
    """The first steps of all seeds again."""
    again, made = script().picture(steps=8), data("interference")
    assert again.steps.tolist() == made.steps[:3].tolist()
    for name, course in again.courses.items():
        for quantity in ("cosine", "returns"):
            for part in ("estimate", "low", "high"):
                found, kept = (getattr(getattr(c, quantity), part) for c in (course, made.courses[name]))
                np.testing.assert_allclose(found, kept[:3], atol=1e-4)


def test_the_tables_of_the_documentation_are_the_same_script_s():
    """One run of one task again, its first records."""
    module, kept = script(), json.loads(TABLES.read_text())
    assert kept["steps"] == list(module.RECORDS)
    module.RECORDS = module.RECORDS[:3]
    runs = np.array([module.run("apart", "fups_id", seed) for seed in range(module.SEEDS)])
    for column, name in enumerate(("cosine", "conflicts", "J")):
        found = [estimate for estimate, _, _ in kept["tasks"]["apart"]["fups_id"][name][:3]]
        np.testing.assert_allclose(runs[..., column].mean(0), found, rtol=1e-4, atol=1e-5)
