"""One measurement, in a process of its own."""

import sys

from uncrossed.bench import main

main(*sys.argv[1:])
