"""wavenetlite convert: convert a model to another format."""

from __future__ import annotations

import argparse

from wavenetlite import formats
from wavenetlite.commands.options import UsageError, add_json, describe, named_values
from wavenetlite.commands.output import note, say, say_json, table
from wavenetlite.commands.places import check_file
from wavenetlite.formats import FORMATS
from wavenetlite.storage import opening

ABOUT = """\
Read a model of any known format and write it in another. IN is recognised by
its content, the format of OUT by the ending of its name. OUT is written completely or
not at all; an older file of that name is replaced."""
EXAMPLES = """\
  wavenetlite convert amp.nam amp.safetensors
  wavenetlite convert model.safetensors model.py       a NumPy script, for reading
  wavenetlite convert model.safetensors model.onnx --save streaming=true
  wavenetlite convert speech-commands-12 words.h --with-features      C, from samples to probabilities
  wavenetlite convert --formats                        what can be read and written"""


def add(parser: argparse.ArgumentParser) -> None:
    describe(parser, ABOUT, EXAMPLES)
    parser.add_argument("source", metavar="IN", nargs="?", help="a model file, or a bundled model's name")
    parser.add_argument("target", metavar="OUT", nargs="?", help="the file to write")
    parser.add_argument("--formats", action="store_true", help="list the formats and do nothing")
    parser.add_argument("--from", dest="read_as", metavar="FORMAT", help="the format of IN, if it is not recognised")
    parser.add_argument("--to", dest="write_as", metavar="FORMAT", help="the format of OUT, if its name does not tell")
    parser.add_argument(
        "--load", action="append", default=[], metavar="NAME=VALUE", help="an option of the format of IN; repeatable"
    )
    parser.add_argument(
        "--save", action="append", default=[], metavar="NAME=VALUE", help="an option of the format of OUT; repeatable"
    )
    parser.add_argument(
        "--with-features", action="store_true", help="write C that takes samples: a classifier's features too"
    )
    add_json(parser, "one object")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    if args.formats:
        return list_formats(args.json)
    if args.source is None or args.target is None:
        raise UsageError("IN and OUT are needed (or --formats)")
    for_load, for_save = named_values("--load", args.load), named_values("--save", args.save)
    if args.with_features:
        for_save["features"] = True
    check_file(args.target, [opening.found(args.source)], "OUT")
    model = formats.load(args.source, format=args.read_as, **for_load)
    formats.save(model, args.target, format=args.write_as, **for_save)
    if args.json:
        say_json({"model": args.source, "type": type(model).__name__, "written": args.target})
    else:
        note(f"{args.target}: {type(model).__name__}, from {args.source}")
    return 0


def list_formats(as_json: bool) -> int:
    if as_json:
        say_json([
            {"name": known.name, "title": known.title, "suffixes": list(known.suffixes),
             "read": known.load is not None, "written": known.save is not None}
            for known in FORMATS.values()
        ])  # fmt: skip
        return 0
    ways = {(True, True): "read, written", (True, False): "read", (False, True): "written"}
    say(table([
        (known.name, f"{ways[known.load is not None, known.save is not None]:13}  {known.title}")
        for known in FORMATS.values()
    ]))  # fmt: skip
    return 0
