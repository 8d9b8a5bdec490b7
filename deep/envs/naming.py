"""Names of environments: ``family:task`` or ``family:task?key=value&key=value``.

    game:climbing      game:homogeneity_trap?n=4      mpe:simple_spread      pettingzoo:mpe2.simple_spread_v3
    mamujoco:HalfCheetah-2x3      skirmish:3m         smacv2:sc2_gen_terran?units=5&enemies=5

The family is an entry of the extension point ``environments``; what the task and the options mean is the family's own.
"""

from __future__ import annotations

from dataclasses import dataclass

from marlcore.errors import InputError


@dataclass(frozen=True)
class Name:
    """The parts of an environment's name; options keep their order and are text."""

    family: str
    task: str
    options: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        tail = "&".join(f"{key}={value}" for key, value in self.options)
        return f"{self.family}:{self.task}" + (f"?{tail}" if tail else "")


def parse(name: str) -> Name:
    """The parts of a name; a name without a family or a task is refused."""
    family, colon, rest = name.partition(":")
    task, question, tail = rest.partition("?")
    if not (colon and family.strip() and task.strip()):
        raise InputError(
            f"{name!r} is no environment: write family:task, for example game:climbing or mpe:simple_spread"
        )
    options: dict[str, str] = {}
    for part in tail.split("&") if question else ():
        key, equals, value = part.partition("=")
        if not (equals and key and value):
            raise InputError(f"{name!r}: option {part!r} is not key=value")
        if key in options:
            raise InputError(f"{name!r}: option {key!r} is given twice")
        options[key] = value
    return Name(family, task, tuple(options.items()))
