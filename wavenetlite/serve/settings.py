"""Settings of a server: from options, the environment and one TOML file, in that order."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, get_type_hints

from wavenetlite.serve.limits import Limits
from wavenetlite.support.checks import count, number, positive_int
from wavenetlite.support.errors import ParameterError

PREFIX = "WAVENETLITE_SERVE_"
LOG_FORMATS = ("json", "text")


def setting(default: Any, about: str, metavar: str) -> Any:
    return field(default=default, metadata={"about": about, "metavar": metavar})


@dataclass(frozen=True)
class Settings:
    """Everything that can be chosen; the names are those of the options, with _ for -."""

    models: tuple[str, ...] = ()
    host: str = setting("127.0.0.1", "address to listen at; 0.0.0.0 is every one of this machine", "ADDRESS")
    port: int = setting(8080, "port of HTTP and WebSocket; 0: any free one", "N")
    wyoming_port: int | None = setting(None, "also listen for Wyoming on this port; Home Assistant expects 10400", "N")
    unix: str | None = setting(None, "also listen for Wyoming on this Unix socket", "PATH")
    zeroconf: str | None = setting(None, "announce the Wyoming port on the local network by this name", "NAME")
    store: str = setting("memory", "where streams are kept to be resumed: memory, a folder, or redis://...", "URL")
    store_s: float = setting(300.0, "seconds for which a stream is kept", "S")
    token_file: str | None = setting(None, "bearer tokens, one in a line; without it everybody may connect", "FILE")
    tls_cert: str | None = setting(None, "certificate chain (PEM): serve https and wss", "FILE")
    tls_key: str | None = setting(None, "its key (PEM)", "FILE")
    most_streams: int = setting(1000, "streams at the same time; above that 503", "N")
    most_message_bytes: int = setting(1 << 20, "bytes of a message", "N")
    most_file_bytes: int = setting(64 << 20, "bytes of a file to classify", "N")
    most_stream_s: float | None = setting(None, "seconds of audio of one stream", "S")
    idle_s: float = setting(30.0, "seconds without audio after which a stream is closed", "S")
    log: str = setting("json", "format of the log on standard error: json or text", "FORMAT")

    @property
    def limits(self) -> Limits:
        return Limits(self.most_streams, self.most_message_bytes, self.most_file_bytes, self.most_stream_s, self.idle_s)


EMPTY = {"host": "; 0.0.0.0 is every address of this machine", "store": "; memory is the default"}
"""What to write instead of an empty string."""
OPTIONS = [one for one in fields(Settings) if one.name != "models"]
KINDS = get_type_hints(Settings)


def settings_of(options: Mapping[str, Any], environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings of options that are given (not None), and for the others of environment, file and defaults.

    Raises
    ------
    ParameterError
        A value is invalid, or the file has an unknown name.
    """
    config = options.get("config") or environment.get(f"{PREFIX}CONFIG")
    values = dict(from_file(Path(config))) if config else {}
    for name in ["models", *(one.name for one in OPTIONS)]:
        text = environment.get(PREFIX + name.upper())
        if text is not None:
            values[name] = text.split() if name == "models" else parsed(name, text)
        if options.get(name) not in (None, []):
            values[name] = options[name]
    made = Settings(**{**values, "models": tuple(values.get("models", ()))})
    check(made)
    return made


def from_file(path: Path) -> dict[str, Any]:
    """The values of a TOML file, whose names may have - for _."""
    try:
        written = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ParameterError(f"config={str(path)!r} is not valid TOML: {error}") from None
    given = {name.replace("-", "_"): value for name, value in written.items()}
    for name in written:
        if "-" in name and name.replace("-", "_") in written:
            raise ParameterError(f"config={str(path)!r} has {name!r} with - and with _; it must have one of them")
    known = ["models", *(one.name for one in OPTIONS)]
    for name, value in given.items():
        if name not in known:
            raise ParameterError(f"config={str(path)!r} has {name!r}; it may have {', '.join(known)}")
        if name == "models" and not (isinstance(value, list) and all(isinstance(one, str) for one in value)):
            raise ParameterError(f"config={str(path)!r}: models must be a list of strings")
        if kind_of(name) is str and not isinstance(value, str):
            raise ParameterError(f"config={str(path)!r}: {name}={value!r} must be a string")
    return given


def kind_of(name: str) -> type:
    """int, float or str."""
    hint = KINDS[name]
    return next((kind for kind in (int, float, str) if hint in (kind, kind | None)), tuple)


def parsed(name: str, text: str) -> Any:
    """The value of a setting in the environment."""
    kind = kind_of(name)
    try:
        return kind(text)
    except ValueError:
        what = "a whole number" if kind is int else "a number"
        raise ParameterError(f"{PREFIX}{name.upper()}={text!r} must be {what}") from None


def check(settings: Settings) -> None:
    """Raise if a value, or two together, cannot be."""
    for name in ("port", "wyoming_port"):
        value = getattr(settings, name)
        if value is not None and count(name, value) > 65535:
            raise ParameterError(f"{name}={value} must be at most 65535")
    for name in ("most_streams", "most_message_bytes", "most_file_bytes"):
        positive_int(name, getattr(settings, name))
    for name in ("store_s", "most_stream_s", "idle_s"):
        value = getattr(settings, name)
        if value is not None and number(name, value) <= 0:
            raise ParameterError(f"{name}={value} must be above 0")
    for option in OPTIONS:
        if getattr(settings, option.name) == "":
            raise ParameterError(f"{option.name}='' must not be empty{EMPTY.get(option.name, '; leave it out')}")
    if settings.log not in LOG_FORMATS:
        raise ParameterError(f"log={settings.log!r} must be one of {', '.join(LOG_FORMATS)}")
    if (settings.tls_cert is None) != (settings.tls_key is None):
        raise ParameterError("tls_cert and tls_key must be given together")
    if settings.zeroconf is not None and settings.wyoming_port is None:
        raise ParameterError(f"zeroconf={settings.zeroconf!r} needs wyoming_port, which it announces")
    if settings.token_file is not None and settings.wyoming_port is not None and not is_local(settings.host):
        raise ParameterError(
            f"wyoming_port={settings.wyoming_port} with token_file: Wyoming has no tokens, so everybody who reaches"
            f" host={settings.host!r} could use it; listen at 127.0.0.1, or by unix"
        )


def is_local(host: str) -> bool:
    return host in ("localhost", "::1") or host.startswith("127.")
