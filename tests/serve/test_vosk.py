"""vosk-server's dialect: its own client's flow gets the words of a lone stream."""

import json

import pytest
from level_classifier import SR, judge

pytest.importorskip("aiohttp", reason="needs aiohttp")
pytest.importorskip("websockets", reason="needs websockets")
from serving import alone, floats, in_thread, save_tones, tones
from websockets.sync.client import connect


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with in_thread(models=(save_tones(tmp_path_factory.mktemp("vosk")),), most_streams=3) as running:
        yield running


def converse(server, messages):
    """Send each message, and read an answer to each but the configuration."""
    answers = []
    with connect(f"{server.url}/vosk") as socket:
        for message in messages:
            socket.send(message)
            if not isinstance(message, str) or "config" not in message:
                answers.append(json.loads(socket.recv(timeout=20)))
    return answers


def words_of(answers):
    return [word for answer in answers for word in answer.get("result", [])]


@pytest.mark.parametrize("config", [None, {"sample_rate": SR}, {"sample_rate": 8000.0, "words": True}])
def test_every_message_is_answered_and_words_are_results(server, config):
    pcm = tones(3)
    data = pcm.tobytes()
    blocks = [data[at : at + 4000] for at in range(0, len(data), 4000)]
    before = [] if config is None else [json.dumps({"config": config})]
    answers = converse(server, [*before, *blocks, '{"eof" : 1}'])
    assert len(answers) == len(blocks) + 1
    words = words_of(answers)
    assert [(word["word"], word["conf"], word["end"]) for word in words] == alone(judge(), pcm)
    assert all(0 <= word["start"] <= word["end"] for word in words)
    assert "text" in answers[-1] and all(one in ({"partial": ""}, *answers) for one in answers)
    server.until(lambda: len(server.server.hub) == 0)


def test_start_and_end_are_those_of_the_events(server):
    pcm = tones(2)
    stream = judge().stream()
    events = stream.process(floats(pcm)) + stream.flush()
    words = words_of(converse(server, [pcm.tobytes(), '{"eof": 1}']))
    assert [(word["start"], word["end"]) for word in words] == [(event.start_s, event.end_s) for event in events]


@pytest.mark.parametrize(("message", "needle"), [
    ('{"config": {"sample_rate": 7000}}', "sr=7000"), ('{"config": {"sample_rate": "fast"}}', "sample_rate='fast'"),
    ('{"config": 3}', "config is a int"), ('{"reset": 1}', "'config' or 'eof'"), ("{", "not valid JSON"),
    (b"\0", "whole samples"),
])  # fmt: skip
def test_mistakes_are_told(server, message, needle):
    with connect(f"{server.url}/vosk") as socket:
        socket.send(message)
        if b"7000" in bytes(str(message), "ascii"):
            socket.send(bytes(100))
        assert needle in json.loads(socket.recv(timeout=20))["error"]
    server.until(lambda: len(server.server.hub) == 0)
