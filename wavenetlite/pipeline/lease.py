"""Who writes a feature set in a store, which has no locks: an object that its owner renews as long as it lives.

An owner that ran beside us and is gone is known by its process; one elsewhere, by an object that does not change.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import sys
import threading
import time
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any

from wavenetlite.pipeline.entries import PipelineError
from wavenetlite.support.optional import optional
from wavenetlite.support.remote import RemotePath

BEAT_S, PATIENCE_S = 5.0, 16.0
"""How often an owner renews its lease, and how long one elsewhere may be silent."""


class Lease:
    """The right to write below a folder, for as long as the context lasts.

    Parameters
    ----------
    path
        Of the object; it is removed in the end.
    out
        The folder, in messages.

    Raises
    ------
    PipelineError
        Another process has it.
    """

    def __init__(self, path: RemotePath, out: RemotePath) -> None:
        self.path, self.out = path, out
        self.owner = {"owner": secrets.token_hex(8), "host": host(), **process()}
        self.beats, self.lost = 0, False
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.renew_until_stopped, daemon=True)

    def __enter__(self) -> Lease:
        found = self.found()
        if found and self.is_alive(found):
            raise self.taken()
        self.renew()
        if self.found().get("owner") != self.owner["owner"]:
            raise self.taken()
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self.thread.join()
        with suppress(OSError):
            if self.found().get("owner") == self.owner["owner"]:  # it may have been taken since the last beat
                self.path.unlink(missing_ok=True)

    def check(self) -> None:
        """Raise if another process took it, because this one was suspended for long."""
        if self.lost or self.found().get("owner") != self.owner["owner"]:
            raise self.taken()

    def taken(self) -> PipelineError:
        return PipelineError(f"{self.out}: another extraction is writing there")

    def found(self) -> dict[str, Any]:
        """What the object says; {}: there is none."""
        try:
            value = json.loads(self.path.read_bytes())
            return value if isinstance(value, dict) else {}
        except (FileNotFoundError, ValueError):
            return {}

    def renew(self) -> None:
        self.beats += 1
        with self.path.replacing() as file:
            file.write(json.dumps({**self.owner, "beats": self.beats}).encode())

    def renew_until_stopped(self) -> None:
        while not self.stop.wait(BEAT_S):
            with suppress(OSError):  # the next time, perhaps
                if self.found().get("owner", self.owner["owner"]) != self.owner["owner"]:
                    self.lost = True
                    return
                self.renew()

    def is_alive(self, owner: dict[str, Any]) -> bool:
        if owner.get("host") == self.owner["host"] != "":
            return process(owner.get("pid")) == {"pid": owner.get("pid"), "since": owner.get("since")}
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            time.sleep(1)
            if self.found() != owner:
                return bool(self.found())
        return False


def host() -> str:
    """Where numbers of processes mean what they mean here; "": nobody can say.

    Not the name alone: two containers, or two machines of one image, may share it.
    """
    try:
        system = str(sys.platform)  # which mypy takes for that of its own machine
        if system == "linux":
            started = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
            return f"{socket.gethostname()} {started} {os.readlink('/proc/self/ns/pid')}"  # noqa: PTH115
        started = str(round(optional("psutil", "pipeline", "wavenetlite.pipeline.extract").boot_time()))
        return f"{socket.gethostname()} {uuid.getnode():x} {started}"
    except OSError:
        return ""


def process(pid: Any = None) -> dict[str, Any]:
    """A process, this one by default, so that no later one of the same number is taken for it; {}: there is none."""
    psutil = optional("psutil", "pipeline", "wavenetlite.pipeline.extract")
    try:
        found = psutil.Process(pid)
        return {"pid": found.pid, "since": round(found.create_time(), 2)}
    except (psutil.Error, TypeError, ValueError):
        return {}
