"""What is claimed of trained agents: statistical claims whose subject is the deep family, listed by name.

The first two contradict one another in the literature's retelling. None is a lemma: each needs runs, seeds, a test.
"""

from __future__ import annotations

from proofs_check.claim import Claim, pending

SOURCE = "Zhong et al., Heterogeneous-Agent Reinforcement Learning, JMLR 2024, as retold"


def _result(statement: str, plain: str, locator: str) -> Claim:
    return pending(statement, plain, SOURCE, locator, subject="the trained agents of the deep family")


happo_and_hatd3_are_best = _result(
    r"\bar J(\text{HAPPO}), \bar J(\text{HATD3}) \ge \bar J(\text{every other algorithm})",
    "HAPPO and HATD3 are the best of the heterogeneous-agent algorithms.",
    "the comparison over benchmarks",
)
hatrpo_beats_happo = _result(
    r"\bar J(\text{HATRPO}) > \bar J(\text{HAPPO})",
    "HATRPO is better than HAPPO.",
    "the same comparison, retold the other way",
)
gap_grows_with_agents = _result(
    r"\bar J(\text{HAPPO}) - \bar J(\text{MAPPO with shared parameters}) \text{ grows with } n",
    "The gap over parameter sharing grows with the number of agents.",
    "the multi-agent MuJoCo tasks",
)
