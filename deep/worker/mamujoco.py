"""Multi-Agent MuJoCo, a robot whose joints are shared out among agents, as one copy of a worker.

Source: Peng et al., "FACMAC: Factored Multi-Agent Centralised Policy Gradients", NeurIPS 2021, in the version of
``gymnasium_robotics`` (``mamujoco_v1``, Gymnasium's ``-v5`` robots). All agents get the robot's reward; the state is
the observation of the whole robot. Falling over terminates, Gymnasium's 1000 steps truncate.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from deep.worker.pettingzoo import EXTRA, PettingZooSingle
from marlcore.errors import InputError


def make(name: str, scenario: str, parts: str, options: Mapping[str, Any]) -> PettingZooSingle:
    """The robot ``scenario`` with its joints shared out as ``parts`` says (2x3: two agents, three joints each)."""
    with _quiet():
        try:
            mujoco: Any = importlib.import_module("mujoco")
            from gymnasium_robotics.envs.multiagent_mujoco import mamujoco_v1
        except ImportError as error:
            raise InputError(f"{name} needs gymnasium-robotics and MuJoCo ({error}); they come by {EXTRA}") from error

        # MuJoCo would write its warnings to a file in the working directory; what is not finite is refused anyway
        mujoco.set_mju_user_warning(lambda text: None)

        def build(**given: Any) -> Any:
            try:
                return mamujoco_v1.parallel_env(scenario, parts, **given)
            except Exception as error:  # it raises bare Exception and NotImplementedError for unknown names
                raise ValueError(f"{scenario} {parts}: {error}") from error

        return PettingZooSingle(name, build, options)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the notices that the packages write to stderr while they are imported and compile a robot."""
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123 - a descriptor is what is needed
        os.dup2(nowhere.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
