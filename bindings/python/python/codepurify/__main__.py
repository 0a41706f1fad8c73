"""The command ``codepurify``: the same program as the Rust binary."""

import signal
import sys

from ._core import run_command


def main() -> None:
    """Run the command with the arguments of the process and exit with its code."""
    # The interpreter does not run meanwhile, so its own handler would not end the command.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.exit(run_command(["codepurify", *sys.argv[1:]]))


if __name__ == "__main__":
    main()
