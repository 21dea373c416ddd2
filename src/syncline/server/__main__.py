"""`python -m syncline.server`: how the supervisor starts the process that serves."""

import sys

from .child import main

sys.exit(main())
