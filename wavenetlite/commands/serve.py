"""wavenetlite serve: classifiers over the network."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Callable

from wavenetlite.commands.options import describe
from wavenetlite.commands.output import say_json
from wavenetlite.serve import run as run_server
from wavenetlite.serve import settings_of
from wavenetlite.serve.logs import start_logging
from wavenetlite.serve.settings import OPTIONS, kind_of

ABOUT = """\
Serve classifiers to microphones, browsers, Home Assistant and other programs:
WebSocket at /v1/stream (and vosk's dialect at /vosk), HTTP at /v1/classify
and /v1/models, a page with the microphone at /, metrics at /metrics, and
Wyoming. Every stream gets the events that it would get alone, and with an id
it goes on where it was after a restart or a lost connection.

It prints its addresses as one line of JSON when it listens. SIGTERM saves all
streams and stops; SIGHUP loads the models again for new streams.

Needs pip install 'wavenetlite[serve]'."""
EXAMPLES = """\
  wavenetlite serve
  wavenetlite serve kitchen=trained/classifier.safetensors --host 0.0.0.0 --wyoming-port 10400 --zeroconf kitchen
  wavenetlite serve speech-commands-12 --store redis://127.0.0.1 --token-file tokens.txt
  curl --data-binary @yes.wav 'http://127.0.0.1:8080/v1/classify?model=speech-commands-12'

Every option can also stand in the environment, as WAVENETLITE_SERVE_PORT=80,
or in the file of --config, as port = 80; options come first, then the
environment, then the file."""


def add(parser: argparse.ArgumentParser) -> None:
    describe(parser, ABOUT, EXAMPLES)
    parser.add_argument(
        "models", nargs="*", metavar="MODEL", help="NAME, FILE or NAME=FILE of a classifier (default: all bundled ones)"
    )
    for option in OPTIONS:
        about, default = option.metadata["about"], option.default
        parser.add_argument(
            "--" + option.name.replace("_", "-"),
            type=kind_of(option.name),
            metavar=option.metadata["metavar"],
            help=about if default is None else f"{about} (default: {default})",
        )
    parser.add_argument("--config", metavar="FILE", help="settings in TOML, by the names of the options")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    settings = settings_of(vars(args))
    start_logging(settings.log)
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(run_server(settings, say_json))
    return 0


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's, which takes half of the time for each message; None, asyncio's own, where it is not installed."""
    try:
        import uvloop
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory
