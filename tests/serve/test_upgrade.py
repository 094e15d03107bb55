"""What `serve.upgrade` uses of picows without being promised it: a new version that changes it is told by these."""

import asyncio
import re

import pytest
from places import ROOT

pytest.importorskip("aiohttp", reason="needs aiohttp")
picows = pytest.importorskip("picows", reason="needs picows")

from wavenetlite.serve import Server, Settings, upgrade  # noqa: E402
from wavenetlite.support.errors import MissingPackageError  # noqa: E402


class Loop:
    """Keeps what a server would make of a connection."""

    async def create_server(self, factory, **options):
        return factory


def recorded(*arguments, **named):
    return arguments, named


def test_the_protocol_is_made_as_picows_makes_it(monkeypatch):
    serving = picows.ws_create_server(
        lambda asked: None, websocket_handshake_timeout=None, auto_ping_idle_timeout=0, auto_ping_reply_timeout=0,
        max_frame_size=7, read_buffer_init_size=upgrade.READ_BYTES, use_aiofastnet=False,
    )  # fmt: skip
    with monkeypatch.context() as patch, pytest.raises(StopIteration) as served:
        patch.setattr(asyncio, "get_running_loop", Loop)
        serving.send(None)
    monkeypatch.setattr(picows.api, "WSProtocol", recorded)
    monkeypatch.setattr(upgrade.picows_protocol, "WSProtocol", recorded, raising=False)
    theirs, ours = served.value.value(), upgrade.protocol_of(None, None, 7)
    mend = "picows makes its protocol with other arguments than serve.upgrade.protocol_of: give it the same"
    assert comparable(theirs) == comparable(ours), mend


def comparable(made):
    """Without the factory of listeners and the log, which are each side's own."""
    arguments, named = made
    return [one for place, one in enumerate(arguments) if place not in (3, 4)], named


def test_the_protocol_has_what_is_called():
    async def protocol():
        return upgrade.protocol_of(None, None, 7)

    made = asyncio.run(protocol())
    missing = [name for name in ("connection_made", "get_buffer", "buffer_updated") if not hasattr(made, name)]
    assert not missing, f"picows' protocol has no {missing}, which serve.upgrade calls"


def test_another_version_is_refused_before_anybody_connects(monkeypatch):
    monkeypatch.setattr(picows.version, "__version__", "2.4.0")
    with pytest.raises(MissingPackageError, match=r"needs picows 2\.3\.x; 2\.4\.0 is installed: pip install"):
        asyncio.run(Server(Settings(models=("voice-activity",), port=0)).start())


def test_the_extra_asks_for_the_known_version():
    project = ROOT / "pyproject.toml"
    if not project.exists():
        pytest.skip("the project's file is not beside the tests")
    asked = re.search(r'"picows>=([0-9.]+),<([0-9.]+)"', project.read_text("utf-8"))
    assert asked is not None and asked[1].startswith(upgrade.KNOWN) and asked[2] == "2.4"
