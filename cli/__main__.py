"""Start with `./promptside`, or with `python -m cli`."""

import sys


def start() -> int:
    """Run a command; Ctrl-C is a clean end, and so is a reader that has seen enough."""
    from cli.commands.root import main

    try:
        main.main(prog_name="promptside", standalone_mode=True)
    except BrokenPipeError:
        sys.stderr.close()
        return 1
    except OSError as error:
        print(f"Error: {error.filename or 'a file'}: {error.strerror}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(start())
