"""``marlcore watch RUN|POLICY --env skirmish:3m``: play one battle and write it as a film.

RUN is the directory of a training run, whose policy plays greedily; POLICY a scripted one: random, stand_still,
attack_nearest, focus_fire, kite. The film is a .gif, an .mp4 (which needs ffmpeg), or a folder of PNG pictures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from deep import envs
from marlcore.cli_config import Positional, arg, parse
from marlcore.errors import InputError
from marlcore.kit.tables import emit, table

EXAMPLE = "marlcore watch focus_fire --env skirmish:3m --out battle.gif"


@dataclass(frozen=True)
class Config:
    """What ``marlcore watch`` takes."""

    who: Positional[Annotated[str, arg(metavar="RUN|POLICY")]] = "random"
    """A run's directory, or random, stand_still, attack_nearest, focus_fire, kite."""
    env: str = ""
    """The battle: skirmish:3m, skirmish:zerg_5_vs_5, …; a run's own unless given."""
    seed: int = 0
    """Which episode."""
    out: Path | None = None
    """Where the film goes: .gif, .mp4, or a folder for PNG pictures; TASK-WHO.gif unless given."""
    json: bool = False
    """Print JSON instead of a table."""


def main(argv: Sequence[str]) -> int:
    """Run the command."""
    asked = parse(Config, argv, "marlcore watch", "Play one battle and write it as a film.", EXAMPLE)
    from deep.envs.skirmish import render

    who = Path(asked.who).name
    recorder = _record(asked)
    path = asked.out or Path(f"{recorder.spec.name.partition(':')[2]}-{who}.gif")
    render.write(path, recorder.frames)
    result = {"env": recorder.spec.name, "who": who, **recorder.result, "frames": len(recorder.frames), "film": path}
    emit(result, table([result]), as_json=asked.json)
    return 0


def _record(asked: Config) -> Any:
    from deep.envs.skirmish import film, policies

    if asked.out is not None and asked.out.exists():
        raise InputError(f"{asked.out} exists and is not overwritten: give another name")
    if asked.who in policies.NAMES:
        name = asked.env or "skirmish:3m"
        recorder = film.Recorder(envs.make(name, seed=asked.seed), asked.who)
        film.play_script(recorder, asked.who, asked.seed)
        return recorder
    if not Path(asked.who).is_dir():
        raise InputError(f"{asked.who!r} is no run's directory and no policy: policies are {', '.join(policies.NAMES)}")
    from deep.evaluate import play
    from deep.train import load

    run = load(asked.who)
    env = envs.make(asked.env or run.config.env, seed=asked.seed)
    sizes = (env.spec.n_agents, env.spec.obs_sizes, env.spec.spaces)
    spec = run.learner.actor.spec
    if sizes != (spec.n_agents, spec.obs_sizes, spec.spaces):
        raise InputError(f"the policy of {asked.who} was trained on {run.config.env} and does not fit {env.spec.name}")
    recorder = film.Recorder(env, run.config.algorithm)
    play(run.learner.actor, recorder, 1, True, asked.seed)
    return recorder
