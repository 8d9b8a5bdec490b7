"""Several seeds of one config trained in one set of tensors; ``marlcore train --seeds`` uses it where it is faster."""

from deep.side_by_side.group import Group
from deep.side_by_side.runs import WORK, obstacle, train, worth

__all__ = ["WORK", "Group", "obstacle", "train", "worth"]
