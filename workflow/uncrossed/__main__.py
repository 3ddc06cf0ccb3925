"""The command `uncrossed`, also as `python -m uncrossed`; `cli` has its grammar."""

import sys

from uncrossed.environment import renew


def main() -> None:
    """Run the command line; ends the process with its exit code."""
    renew(sys.argv[1:])  # before NumPy reads the environment
    from uncrossed import cli

    cli.main()


if __name__ == "__main__":
    main()
