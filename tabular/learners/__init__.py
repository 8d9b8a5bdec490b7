"""The classic learners, compiled: each a function (game, steps, seeds, …) → ``Trace``.

``loop`` is what they share, ``run`` what a learner of one's own needs (``Rule``, ``learn``), ``schedules`` the rates.
"""

from tabular.learners.correlated_q import correlated_q
from tabular.learners.fictitious_play import fictitious_play
from tabular.learners.friend_or_foe_q import friend_or_foe_q
from tabular.learners.giga_wolf import giga_wolf
from tabular.learners.gradient_ascent import gradient_ascent
from tabular.learners.independent_q import independent_q
from tabular.learners.joint_q import joint_q
from tabular.learners.lagging_anchor import lagging_anchor, lagging_anchor_sampled
from tabular.learners.linear_reward_inaction import linear_reward_inaction
from tabular.learners.linear_reward_penalty import linear_reward_penalty
from tabular.learners.mean_field_q import mean_field_q
from tabular.learners.minimax_q import minimax_q
from tabular.learners.nash_q import nash_q
from tabular.learners.phc import phc
from tabular.learners.regret_matching import regret_matching
from tabular.learners.replicator import replicator
from tabular.learners.run import Options, Rule, learn
from tabular.learners.wolf_iga import wolf_iga
from tabular.learners.wolf_phc import wolf_phc

__all__ = [
    "Options",
    "Rule",
    "correlated_q",
    "fictitious_play",
    "friend_or_foe_q",
    "giga_wolf",
    "gradient_ascent",
    "independent_q",
    "joint_q",
    "lagging_anchor",
    "lagging_anchor_sampled",
    "learn",
    "linear_reward_inaction",
    "linear_reward_penalty",
    "mean_field_q",
    "minimax_q",
    "nash_q",
    "phc",
    "regret_matching",
    "replicator",
    "wolf_iga",
    "wolf_phc",
]
