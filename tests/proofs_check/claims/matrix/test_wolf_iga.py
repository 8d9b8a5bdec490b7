"""The laws of the claims in matrix/wolf_iga."""

from laws import of_file

test_laws = of_file("matrix/wolf_iga")


def test_many_games_at_once_move_as_the_learner_does():
    import numpy as np

    from marlcore.games import MatrixGame
    from proofs_check.claims.matrix import wolf_iga
    from tabular import learners

    rng = np.random.default_rng(0)
    games, starts = rng.uniform(-1, 1, (20, 2, 2, 2)), rng.uniform(0, 1, (20, 2))
    for reference in (0, 1):
        p, q = wolf_iga.Rule(games, reference).step(*starts.T)
        for k, (payoffs, (a, b)) in enumerate(zip(games, starts, strict=True)):
            run = learners.wolf_iga(
                MatrixGame(payoffs), 1, 1, eta_min=wolf_iga.SLOW, eta_max=wolf_iga.FAST,
                initial=(np.array([a, 1 - a]), np.array([b, 1 - b])), reference=(0, reference),
            )  # fmt: skip
            np.testing.assert_allclose([t[-1, 0, 0, 0] for t in run.policies], [p[k], q[k]], atol=1e-12)
