"""Start with `python -m local`."""

import sys

from local.run import main

sys.exit(main())
