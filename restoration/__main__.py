"""`python -m restoration`, and the console script `restoration`."""

import sys


def run() -> None:
    """Run the command line and exit with its code."""
    from restoration.cli.main import main

    sys.exit(main())


if __name__ == "__main__":
    run()
