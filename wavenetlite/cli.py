"""The command ``wavenetlite``.

Results go to standard output, everything else to standard error. Exit status: 0 success, 1 failure, 2 wrong usage,
130 interrupted, 141 output no longer read, 143 terminated. A user's mistake is reported in one line;
``WAVENETLITE_TRACEBACK=1`` shows where the error comes from.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import warnings
from collections.abc import Sequence
from importlib import import_module
from io import TextIOWrapper

from wavenetlite.commands.names import COMMANDS, module_of
from wavenetlite.commands.options import HelpFormatter, UsageError
from wavenetlite.commands.output import one_line
from wavenetlite.kernels import isa
from wavenetlite.support.errors import WavenetliteError
from wavenetlite.support.version import __version__

FAILED, WRONG_USAGE, INTERRUPTED, NO_READER = 1, 2, 130, 141

ABOUT = """\
Classify speech commands and other short sounds with causal, dilated
convolutions: train a classifier on a folder of recordings, measure it, run it
on files or a microphone. Streamed results equal offline ones bit for bit."""
EPILOG = """\
examples:
  wavenetlite classify yes.wav                   a bundled model on a file
  wavenetlite listen                             the same on the microphone
  wavenetlite train recordings --out trained     your own model, from LABEL/*.wav
  wavenetlite evaluate trained/classifier.safetensors recordings

`wavenetlite COMMAND --help` shows the options of a command.

exit status:
  0 success, 1 failure, 2 wrong usage, 130 interrupted

environment:
  WAVENETLITE_TRACEBACK=1           show where an error comes from
  WAVENETLITE_ISA=NAME              force an instruction set: sse2, avx2, avx512 or vnni
  WAVENETLITE_STREAM_BYTES=BYTES    most memory that a stream may take"""


def parser(argv: Sequence[str]) -> argparse.ArgumentParser:
    """The parser of a command line, with the options of the command that is named there."""
    named = next((word for word in argv if not word.startswith("-")), None)
    made = argparse.ArgumentParser(
        prog="wavenetlite", description=ABOUT, epilog=EPILOG, formatter_class=HelpFormatter, allow_abbrev=False
    )
    made.add_argument("--version", action="version", version=f"wavenetlite {__version__} ({isa()})")
    subparsers = made.add_subparsers(title="commands", dest="command", metavar="COMMAND", required=True)
    for command, summary in COMMANDS.items():
        one = subparsers.add_parser(command, help=summary, formatter_class=HelpFormatter, allow_abbrev=False)
        if command == named:
            import_module(module_of(command)).add(one)
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `argv` (None: that of the process) and return the exit status.

    Examples
    --------
    >>> from wavenetlite.cli import main
    >>> main(["info", "no-such-file.safetensors"])
    1
    """
    args, argv = argparse.Namespace(command=None), sys.argv[1:] if argv is None else argv
    try:
        try:
            parser(argv).parse_args(argv, args)
        except SystemExit as end:  # argparse has printed the reason, or the help
            sys.stdout.flush()
            return end.code if isinstance(end.code, int) else FAILED
        status = int(args.run(args))
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        return NO_READER
    except KeyboardInterrupt:
        report(args, getattr(args, "interrupted", "interrupted"), error=False)
        return INTERRUPTED
    except (UsageError, WavenetliteError, OSError, ModuleNotFoundError, MemoryError) as error:
        if os.environ.get("WAVENETLITE_TRACEBACK") == "1":
            raise
        report(args, reason(error), error=True)
        return WRONG_USAGE if isinstance(error, UsageError) else FAILED


def reason(error: BaseException) -> str:
    """The message of an error for a user."""
    if isinstance(error, ModuleNotFoundError):
        return f"this needs the package {error.name}, which is not installed"
    if isinstance(error, MemoryError):
        return f"out of memory: {error}" if str(error) else "out of memory"
    if isinstance(error, OSError) and not isinstance(error, WavenetliteError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)


def report(args: argparse.Namespace, message: str, *, error: bool) -> None:
    name = f"wavenetlite {args.command}" if args.command else "wavenetlite"
    text = one_line(message)
    if not hasattr(args, "on_nonfinite"):  # a remedy of Python's, which this command has not
        text = text.replace(" (or give --on-nonfinite zero)", "")
    print(f"{name}: {'error: ' if error else ''}{text}", file=sys.stderr)


def terminate(number: int, _: object) -> None:
    """End as after an error, so that nothing half-written is left."""
    raise SystemExit(128 + number)


def console() -> None:
    """The entry point of the shell command."""
    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, terminate)
    warnings.formatwarning = lambda message, *_: f"wavenetlite: warning: {one_line(str(message))}\n"
    if isinstance(sys.stdout, TextIOWrapper):  # file names may not be encodable
        sys.stdout.reconfigure(errors="backslashreplace")
    status = main()
    if status == NO_READER:  # so that the interpreter does not complain on exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(status)
