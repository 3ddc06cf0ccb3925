"""`python -m uncrossed` is the command `uncrossed`."""

from uncrossed.cli import main

main()
