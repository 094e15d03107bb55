"""``python -m wavenetlite`` is the command ``wavenetlite``."""

from wavenetlite.cli import console

if __name__ == "__main__":
    console()
