"""Exact solvers, planners and learners for matrix and Markov games: every result carries a certified error."""

from tabular.markov.friend_or_foe import friend_or_foe_values as friend_or_foe_values
from tabular.markov.general_sum import nash_value_iteration as nash_value_iteration
from tabular.markov.shapley import shapley as shapley
from tabular.markov.shapley_exact import exact_bounds as exact_bounds
from tabular.markov.team import solve_team as solve_team
from tabular.mirror.baselines import shared as shared
from tabular.mirror.baselines import simultaneous as simultaneous
from tabular.mirror.check_drift import check_drift as check_drift
from tabular.mirror.haml import haml as haml
from tabular.mirror.hatrl import hatrl as hatrl
from tabular.mirror.instances import haa2c as haa2c
from tabular.mirror.instances import haddpg as haddpg
from tabular.mirror.instances import happo as happo
from tabular.mirror.instances import hatrpo as hatrpo
from tabular.mirror.natural import natural_hatrpo as natural_hatrpo
from tabular.mirror.step import trust_region_step as trust_region_step
from tabular.static.correlated import correlated_equilibrium as correlated_equilibrium
from tabular.static.elementary import eliminate_dominated as eliminate_dominated
from tabular.static.elementary import potential as potential
from tabular.static.elementary import pure_equilibria as pure_equilibria
from tabular.static.enumeration import nash_equilibria as nash_equilibria
from tabular.static.nash import nash_equilibrium as nash_equilibrium
from tabular.static.team import shared_optimum as shared_optimum
from tabular.static.team import team_optimum as team_optimum
from tabular.static.zero_sum import solve_zero_sum as solve_zero_sum
