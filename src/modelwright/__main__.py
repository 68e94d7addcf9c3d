"""Runs the command line: `python -m modelwright`."""

from modelwright.cli.main import main

if __name__ == "__main__":
    main()
