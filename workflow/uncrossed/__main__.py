"""The command `uncrossed`, also as `python -m uncrossed`; `cli` has its grammar."""

import sys

from uncrossed.common.environment import renew

# The commands that compute, which what a site or a user has set must not change.
COMPUTING = ("train", "preflight", "diff", "trace", "prove", "recalibrate", "bench", "verify")


def main() -> None:
    """Run the command line; ends the process with its exit code."""
    computes = sys.argv[1:2] and (sys.argv[1] in COMPUTING or sys.argv[1:3] == ["doctor", "--probe"])
    if computes:
        renew()  # before NumPy reads the environment
    from uncrossed.cli.main import main as run

    run()


if __name__ == "__main__":
    main()
