"""Start with `python -m local`."""

import sys


def start() -> int:
    """Import and run; Ctrl-C while Python is still importing is a clean stop, too."""
    try:
        from local.run import main

        return main()
    except KeyboardInterrupt:
        print("\nStopped.", flush=True)
        return 0


if __name__ == "__main__":
    sys.exit(start())
