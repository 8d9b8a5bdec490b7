"""The observation-conditioned hypernetwork, in four pages: options, what it reads, its increments, and the scheme."""

from deep.sharing.obs_hyper.options import ObsHyperOptions
from deep.sharing.obs_hyper.scheme import ObsHyper

__all__ = ["ObsHyper", "ObsHyperOptions"]
