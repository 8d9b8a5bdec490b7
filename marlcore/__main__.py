"""``python -m marlcore`` is the command ``marlcore``."""

import sys

from marlcore.cli import main

if __name__ == "__main__":
    sys.exit(main())
