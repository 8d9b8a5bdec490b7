"""IGA circles, WoLF-IGA's test as printed misjudges who wins, and the lagging anchor needs its transpose.

    IGA in matching pennies: |z_{t+1}|² = (1 + 16η²)|z_t|², z = (p − ½, q − ½)
    WoLF: player 2 wins when V_2(π_1, π_2) > V_2(π_1, π_2*); as printed, > V_1(π_1, π_2*)
    lagging anchor: v += ηP R_1 w + ηη_d(v̄ − v),  w += ηP R_2ᵀ v + ηη_d(w̄ − w),  v̄ += ηη_d(v − v̄),  P = I − 11ᵀ/m

Sources: Singh, Kearns & Mansour 2000; Bowling & Veloso 2002; Dahl 2005; Lu & Schwartz 2011. "As printed" forms are of
notes on these papers.
"""

from __future__ import annotations

from typing import Any

from marlcore import numbers
from marlcore.numbers import Kind
from proofs_check.claim import Claim, Family
from proofs_check.families import along
from proofs_check.instances import Between, Fixed, Instance, Layout, Rows

KINDS: tuple[Kind, ...] = ("float", "torch", "rational", "ball")
CYCLE = [[0, -1, 1], [1, 0, -1], [-1, 1, 0]]
STEPS = 120


def circle() -> Layout:
    """Distances of both players from one half in matching pennies, and a step size."""
    return {"z": Between("1/20", "1/5", (2,)), "eta": Between("1/100", "1/10")}


def _turned(x: Instance) -> tuple[Any, Any]:
    """|z|² before and after one step: the payoff of player 1 is 4z_1z_2, of player 2 the negative."""
    z1, z2 = x.z[..., 0], x.z[..., 1]
    new1, new2 = z1 + 4 * x.eta * z2, z2 - 4 * x.eta * z1
    return z1 * z1 + z2 * z2, new1 * new1 + new2 * new2


def grows(x: Instance) -> Any:
    """|z'|² − (1 + 16η²)|z|²."""
    before, after = _turned(x)
    return after - (1 + 16 * x.eta * x.eta) * before


def shrinks(x: Instance) -> Any:
    """|z|² − |z'|²: it would have to be ≥ 0 for strategies to converge."""
    before, after = _turned(x)
    return before - after


def pennies() -> Layout:
    """Matching pennies plus a constant, zero-sum, and a profile."""
    return {"offset": Between(-2, 2), "p": Rows((2,)), "q": Rows((2,))}


def printed_test(x: Instance) -> Any:
    """Product of player 2's right test and the printed one: negative where they disagree."""
    match = (2 * x.p[..., 0] - 1) * (2 * x.q[..., 0] - 1)
    own = -x.offset - match
    right, printed = own + x.offset, own - x.offset
    return right * printed


def right_test(x: Instance) -> Any:
    """V_2(π_1, π_2) − V_2(π_1, π_2*) minus the same without the constant."""
    match = (2 * x.p[..., 0] - 1) * (2 * x.q[..., 0] - 1)
    even = (2 * x.p[..., 0] - 1) * 0
    own, against_equilibrium = -x.offset - match, -x.offset - even
    return own - against_equilibrium + match


def anchor() -> Layout:
    """Rock-paper-scissors, a start near the middle with the anchors there, η = 1/10, η_d = 1."""
    near = ("3/10", "11/30")
    return {"R": Fixed(CYCLE), "v": Between(*near, (2,)), "w": Between(*near, (2,)), "eta": Fixed("1/10")}


def _anchored(x: Instance, transpose: bool) -> tuple[Any, Any]:
    """Squared distance from the middle at the start and after STEPS; without the projection, which never acts here."""
    third = numbers.number("1/3", x.kind)
    eta = along(x.eta, 1)
    second = -(numbers.moveaxis(x.R, -1, -2) if transpose else x.R)
    deviations = [numbers.stack([s[..., 0], s[..., 1], 1 - s[..., 0] - s[..., 1]], axis=-1) - third for s in (x.v, x.w)]
    v, w = deviations
    v_bar, w_bar = v, w
    start = (v * v).sum(-1) + (w * w).sum(-1)
    for _ in range(STEPS):
        push_v, push_w = (x.R * w[..., None, :]).sum(-1), (second * v[..., None, :]).sum(-1)
        push_v, push_w = push_v - _mean(push_v), push_w - _mean(push_w)
        v, v_bar = v + eta * (push_v + v_bar - v), v_bar + eta * (v - v_bar)
        w, w_bar = w + eta * (push_w + w_bar - w), w_bar + eta * (w - w_bar)
    return start, (v * v).sum(-1) + (w * w).sum(-1)


def _mean(values: Any) -> Any:
    mean = values.sum(-1) / 3
    return mean[..., None] if getattr(mean, "shape", ()) else mean


def contracts(x: Instance) -> Any:
    """A quarter of the squared distance at the start minus that at the horizon, with R_2ᵀ."""
    start, end = _anchored(x, transpose=True)
    return start / 4 - end


def contracts_printed(x: Instance) -> Any:
    """The same with R_2 in place of its transpose."""
    start, end = _anchored(x, transpose=False)
    return start / 4 - end


ANCHOR_KINDS: tuple[Kind, ...] = ("float", "torch", "ball")
iga_circles = Claim(
    statement=r"|z_{t+1}|^2 = (1 + 16 \eta^2) |z_t|^2 \text{ in matching pennies}",
    plain="Each step of gradient ascent in matching pennies takes the strategies further from equilibrium.",
    source="Singh, Kearns & Mansour, UAI 2000",
    locator="the case of imaginary eigenvalues, with a finite step",
    status="proved",
    kind="identity",
    margin=grows,
    family=Family(circle),
    symbolic=({},),
    figure="phase_portraits",
)
iga_converges = Claim(
    statement=r"|z_{t+1}| \le |z_t| \text{ in matching pennies}",
    plain="The strategies of gradient ascent converge in two-action games.",
    source="folklore",
    locator="what Singh, Kearns & Mansour prove of average payoffs, said of strategies",
    status="refuted",
    kind="inequality",
    margin=shrinks,
    family=Family(circle),
    expected="refuted",
    numbers=KINDS,
    figure="phase_portraits",
)
wolf_test = Claim(
    statement=r"\text{winning}: V_2(\pi_1, \pi_2) - V_2(\pi_1, \pi_2^*) \text{ does not change with a"
    r" constant added to the payoffs}",
    plain="WoLF's test for player 2, against its own equilibrium value, does not depend on a constant in the payoffs.",
    source="Bowling & Veloso, Artificial Intelligence 136, 2002",
    locator="the WoLF principle",
    status="proved",
    kind="identity",
    margin=right_test,
    family=Family(pennies),
    symbolic=({},),
    figure="phase_portraits",
)
wolf_test_printed = Claim(
    statement=r"V_2(\pi_1, \pi_2) > V_1(\pi_1, \pi_2^*) \Leftrightarrow V_2(\pi_1, \pi_2) > V_2(\pi_1, \pi_2^*)",
    plain="Player 2 may compare its payoff with player 1's equilibrium value to see whether it wins.",
    source="notes on WoLF-IGA",
    locator="as printed",
    status="refuted",
    kind="inequality",
    margin=printed_test,
    family=Family(pennies),
    expected="refuted",
    numbers=KINDS,
    note="A wrong rule that happens to work: in 1500 random games the strategies converged all the same.",
    figure="phase_portraits",
)
lagging_anchor = Claim(
    statement=r"|z_{120}|^2 \le \tfrac14 |z_0|^2 \text{ with } P_m R_2^\top v",
    plain="With a lagging anchor the strategies of rock-paper-scissors approach the equilibrium.",
    source="Dahl 2005; Lu & Schwartz 2011",
    locator="the lagging anchor, η = 1/10, η_d = 1, 120 steps",
    status="proved",
    kind="limit",
    margin=contracts,
    family=Family(anchor),
    numbers=ANCHOR_KINDS,
    cost=4,
    figure="rps_triangle",
)
lagging_anchor_printed = Claim(
    statement=r"|z_{120}|^2 \le \tfrac14 |z_0|^2 \text{ with } P_m R_2 v",
    plain="The same with player 2's payoffs not transposed.",
    source="notes on the lagging anchor",
    locator="as printed",
    status="refuted",
    kind="limit",
    margin=contracts_printed,
    family=Family(anchor),
    expected="refuted",
    numbers=ANCHOR_KINDS,
    cost=4,
    figure="rps_triangle",
)
