"""wavenetlite completion: the lines by which a shell completes commands, options, choices, models and files."""

from __future__ import annotations

import argparse
import shlex
from importlib import import_module

from wavenetlite import models
from wavenetlite.commands.names import COMMANDS, module_of
from wavenetlite.commands.options import describe
from wavenetlite.commands.output import say

ABOUT = """\
Print what makes a shell complete this command: its commands, their options,
the choices of an option, bundled models, and files."""
EXAMPLES = """\
  eval "$(wavenetlite completion bash)"                  in ~/.bashrc
  eval "$(wavenetlite completion zsh)"                   in ~/.zshrc
  wavenetlite completion fish > ~/.config/fish/completions/wavenetlite.fish"""

BASH = """\
_wavenetlite() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}} words=""
    if [ "$COMP_CWORD" -eq 1 ]; then
        COMPREPLY=($(compgen -W {commands} -- "$word"))
        return
    fi
    case "${{COMP_WORDS[1]}} $before" in
{values}
    esac
    if [ -z "$words" ]; then
        case "$word" in
            -*) case "${{COMP_WORDS[1]}}" in
{options}
                esac ;;
            *) COMPREPLY=($(compgen -f -- "$word") $(compgen -W {models} -- "$word"))
               return ;;
        esac
    fi
    COMPREPLY=($(compgen -W "$words" -- "$word"))
}}
complete -o filenames -F _wavenetlite wavenetlite"""


def add(parser: argparse.ArgumentParser) -> None:
    describe(parser, ABOUT, EXAMPLES)
    parser.add_argument("shell", choices=("bash", "zsh", "fish"), help="which shell")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    if args.shell == "fish":
        say(fish())
    else:
        say(("autoload -U +X bashcompinit && bashcompinit\n" if args.shell == "zsh" else "") + bash())
    return 0


def actions(command: str) -> list[argparse.Action]:
    """The options of a command."""
    parser = argparse.ArgumentParser(prog=command)
    import_module(module_of(command)).add(parser)
    return [action for action in parser._actions if action.option_strings]


def bash() -> str:
    """The lines for bash, which zsh reads too."""
    values, options = [], []
    for command in COMMANDS:
        found = actions(command)
        names = " ".join(name for action in found for name in action.option_strings)
        options.append(f"                    {command}) words={shlex.quote(names)} ;;")
        for action in found:
            if action.choices:
                cases = "|".join(f'"{command} {name}"' for name in action.option_strings)
                values.append(f"        {cases}) words={shlex.quote(' '.join(map(str, action.choices)))} ;;")
    return BASH.format(
        commands=shlex.quote(" ".join(COMMANDS)),
        models=shlex.quote(" ".join(models.names())),
        values="\n".join(values),
        options="\n".join(options),
    )


def fish() -> str:
    """The lines for fish, with what each option is for."""
    lines = [f"complete -c wavenetlite -n __fish_use_subcommand -a {name} -d {shlex.quote(about)}"
             for name, about in COMMANDS.items()]  # fmt: skip
    for command in COMMANDS:
        for action in actions(command):
            flags = [f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in action.option_strings]
            value = [] if action.nargs == 0 else ["-r"]
            choices = ["-f", "-a", shlex.quote(" ".join(map(str, action.choices)))] if action.choices else []
            about = ["-d", shlex.quote((action.help or "").partition(" (default")[0])]
            start = f"complete -c wavenetlite -n '__fish_seen_subcommand_from {command}'"
            lines.append(" ".join([start, *flags, *value, *choices, *about]))
    return "\n".join(lines)
