"""``python -m bridgex_nb.cli`` is the command ``bridgex``."""

import sys

from . import main

sys.exit(main())
