"""The command `uncrossed`, also as `python -m uncrossed`; `cli` has its grammar."""

import sys

from uncrossed.common.environment import renew


def main() -> None:
    """Run the command line; ends the process with its exit code."""
    renew(sys.argv[1:])  # before NumPy reads the environment
    from uncrossed.cli.main import main as run

    run()


if __name__ == "__main__":
    main()
