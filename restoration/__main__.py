"""`python -m restoration`."""

import sys

from restoration.cli import main

if __name__ == "__main__":
    sys.exit(main())
