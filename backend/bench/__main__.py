"""`python -m bench`: see `scripts/bench`."""

import sys

from bench.cli import run

if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
