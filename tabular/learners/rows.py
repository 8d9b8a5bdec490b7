"""Small compiled steps that several learners share: Q(s,a) moved to its target, rows of policies, expected payoffs."""

from __future__ import annotations

from marlcore.compiled import compiled


@compiled(forceinline=True)
def best_action(Q, i, s, count):
    """The first a with the largest Q[i, s, a]."""
    best = 0
    for a in range(1, count):
        if Q[i, s, a] > Q[i, s, best]:
            best = a
    return best


@compiled(forceinline=True)
def towards(Q, play, i, s, s_next):
    """Qᵢ(s, aᵢ) += α(rᵢ + γVᵢ(s') − Qᵢ(s, aᵢ)), α the first rate; then Vᵢ(s) = max_a Qᵢ(s, a), whose a is returned."""
    a = play.actions[i]
    target = play.rewards[i] + play.gamma * play.values[i, s_next]
    Q[i, s, a] += play.rates[0] * (target - Q[i, s, a])
    best = best_action(Q, i, s, play.counts[i])
    play.values[i, s] = Q[i, s, best]
    return best


@compiled(forceinline=True)
def play_only(play, i, s, action):
    """πᵢ(·|s) puts everything on ``action``."""
    for a in range(play.counts[i]):
        play.policy[i, s, a] = 0.0
    play.policy[i, s, action] = 1.0


@compiled(forceinline=True)
def climb(play, i, s, best, delta):
    """Every action but ``best`` gives up to δ/(|A| − 1) of its probability to it."""
    if play.counts[i] == 1:
        return
    share, moved = delta / (play.counts[i] - 1), 0.0
    for a in range(play.counts[i]):
        if a != best:
            given = min(play.policy[i, s, a], share)
            play.policy[i, s, a] -= given
            moved += given
    play.policy[i, s, best] += moved


@compiled(forceinline=True)
def start_from_policies(table, started, play, s):
    """At step 0 ``table`` (n, A) is where the strategies are."""
    if started[0] == 0.0:
        for i in range(play.counts.shape[0]):
            for a in range(play.counts[i]):
                table[i, a] = play.policy[i, s, a]
        started[0] = 1.0


@compiled(forceinline=True)
def joint_action(play):
    """The position of this step's actions in C order."""
    joint = 0
    for i in range(play.counts.shape[0]):
        joint += play.actions[i] * play.strides[i]
    return joint


@compiled(forceinline=True)
def action_values(play, table, i, s, out):
    """out[a] = E[rᵢ(s, a, a₋ᵢ)] when the others draw from ``table`` (n, S, A): play.policy, or play.average."""
    n = play.counts.shape[0]
    for a in range(play.counts[i]):
        out[a] = 0.0
    for joint in range(play.payoffs.shape[1]):
        weight = 1.0
        for j in range(n):
            if j != i:
                weight *= table[j, s, joint // play.strides[j] % play.counts[j]]
        out[joint // play.strides[i] % play.counts[i]] += weight * play.payoffs[s, joint, i]


@compiled(forceinline=True)
def expected(play, i, s, values):
    """Σ_a πᵢ(a|s)·values[a]."""
    total = 0.0
    for a in range(play.counts[i]):
        total += play.policy[i, s, a] * values[a]
    return total


@compiled(forceinline=True)
def project(row, count, sorted_row):
    """The nearest distribution to row[:count], written in place: max(row − τ, 0) with τ so that it sums to 1.

    Held, Wolfe & Crowder 1974: with the entries in falling order u, τ = (u₁ + … + u_k − 1)/k for the largest k
    with u_k > τ.
    """
    for a in range(count):
        x, b = row[a], a
        while b > 0 and sorted_row[b - 1] < x:
            sorted_row[b] = sorted_row[b - 1]
            b -= 1
        sorted_row[b] = x
    total, threshold = 0.0, 0.0
    for a in range(count):
        total += sorted_row[a]
        if sorted_row[a] > (total - 1.0) / (a + 1):
            threshold = (total - 1.0) / (a + 1)
    total = 0.0
    for a in range(count):
        row[a] = max(row[a] - threshold, 0.0)
        total += row[a]
    for a in range(count):
        row[a] /= total
