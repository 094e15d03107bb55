"""Settings from options, environment and file; models and their reloading; the command."""

import argparse
import json
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from level_classifier import SR, judge

from wavenetlite import WavenetliteError, cli
from wavenetlite.commands import serve as command
from wavenetlite.serve.settings import OPTIONS, Settings, settings_of


def given(*argv):
    parser = argparse.ArgumentParser()
    command.add(parser)
    return vars(parser.parse_args([str(word) for word in argv]))


def test_options_come_before_the_environment_and_the_file(tmp_path):
    config = tmp_path / "serve.toml"
    config.write_text('port = 1\nhost = "0.0.0.0"\nidle-s = 5\nmodels = ["a", "b"]\nmost_streams = 7\n')
    values = {"CONFIG": str(config), "PORT": "2", "IDLE_S": "6", "MODELS": "c d"}
    environment = {f"WAVENETLITE_SERVE_{name}": value for name, value in values.items()}
    made = settings_of(given("--port", "3"), environment)
    assert (made.port, made.idle_s, made.host, made.most_streams, made.models) == (3, 6.0, "0.0.0.0", 7, ("c", "d"))
    assert settings_of(given("x", "--config", config), {}).models == ("x",)
    assert settings_of(given(), {}) == Settings()


def test_every_setting_has_an_option():
    options = given()
    assert {one.name for one in OPTIONS} < set(options)


@pytest.mark.parametrize(
    ("argv", "text", "environment", "needle"),
    [
        ([], "colour = 1", {}, "has 'colour'; it may have models, host"),
        ([], "port", {}, "is not valid TOML"),
        ([], "host = 5", {}, "host=5 must be a string"),
        ([], 'models = "a"', {}, "models must be a list"),
        ([], 'port = "80"', {}, "port='80' is a str"),
        ([], "", {"WAVENETLITE_SERVE_PORT": "many"}, "WAVENETLITE_SERVE_PORT='many' must be a whole number"),
        (["--port", "70000"], "", {}, "port=70000 must be at most 65535"),
        (["--idle-s", "0"], "", {}, "idle_s=0.0 must be above 0"),
        (["--most-streams", "0"], "", {}, "most_streams=0"),
        (["--tls-cert", "c"], "", {}, "tls_cert and tls_key must be given together"),
        (["--zeroconf", "kitchen"], "", {}, "zeroconf='kitchen' needs wyoming_port"),
        (["--log", "xml"], "", {}, "log='xml' must be one of json, text"),
        ([], "most-streams = 3\nmost_streams = 4", {}, "has 'most-streams' with - and with _"),
        ([], 'host = ""', {}, "host='' must not be empty; 0.0.0.0 is every address"),
        ([], 'store = ""', {}, "store='' must not be empty; memory is the default"),
        ([], "", {"WAVENETLITE_SERVE_TOKEN_FILE": ""}, "token_file='' must not be empty; leave it out"),
        (["--token-file", "t", "--wyoming-port", "1", "--host", "0.0.0.0"], "", {}, "Wyoming has no tokens"),
    ],
)
def test_what_cannot_be_is_told_in_one_line(tmp_path, argv, text, environment, needle):
    config = tmp_path / "serve.toml"
    config.write_text(text)
    with pytest.raises(WavenetliteError) as refused:
        settings_of(given(*argv, "--config", config), environment)
    assert needle in str(refused.value) and "\n" not in str(refused.value)


def test_the_command_s_mistakes(tmp_path, capsys):
    pytest.importorskip("aiohttp", reason="needs aiohttp")
    for argv, needle in (
        (["nobody"], "nobody"),
        (["--store", "ftp://x"], "store='ftp://x' must be"),
        (["--token-file", "none"], "none: No such file"),
        (["--config", "none"], "none: No such file"),
        (["--host", "no.such.host.invalid"], "host='no.such.host.invalid', port=0: cannot listen there"),
        (["--host", "a" * 70], "cannot listen there"),
        (["--unix", "/none/socket"], "unix='/none/socket': cannot listen there"),
        (["--tls-cert", "none", "--tls-key", "none"], "tls_cert='none', tls_key='none': "),
    ):
        assert cli.main(["serve", "--port", "0", *argv]) == 1
        said = capsys.readouterr()
        assert not said.out and needle in said.err.splitlines()[-1]


@pytest.fixture(scope="module")
def serving():
    pytest.importorskip("aiohttp", reason="needs aiohttp")
    pytest.importorskip("websockets", reason="needs websockets")
    import serving

    return serving


def test_a_taken_port_is_told(serving, tmp_path, capsys):
    with serving.in_thread(models=(serving.save_tones(tmp_path),)) as server:
        assert cli.main(["serve", serving.save_tones(tmp_path), "--port", str(server.port)]) == 1
    said = capsys.readouterr().err.lower()
    assert "address already in use" in said and f"port={server.port}: cannot listen there" in said


def test_a_taken_socket_is_left_to_its_server(serving, tmp_path, capsys):
    """And a file of that name to its owner."""
    path, model = tmp_path / "socket", serving.save_tones(tmp_path)
    with serving.in_thread(models=(model,), unix=str(path)):
        assert cli.main(["serve", model, "--port", "0", "--unix", str(path)]) == 1
        assert "a server listens there; choose another path" in capsys.readouterr().err
        assert path.is_socket()
    assert not path.exists()
    path.write_text("kept")
    assert cli.main(["serve", model, "--port", "0", "--unix", str(path)]) == 1
    assert f"unix={str(path)!r}: cannot listen there" in capsys.readouterr().err
    assert path.read_text() == "kept"


def test_the_command_says_where_it_listens_and_logs_json(serving, tmp_path):
    with serving.as_process(serving.save_tones(tmp_path), "--wyoming-port", 0, "--unix", tmp_path / "s") as server:
        assert server.addresses["ready"] is True
        assert sorted(server.addresses) == ["http", "ready", "unix", "websocket", "wyoming"]
        assert (tmp_path / "s").exists()
        log = [json.loads(line) for line in server.kill(signal.SIGTERM).splitlines()]
        assert server.process.returncode == 0
    assert [entry["message"] for entry in log] == ["stopping: 0 streams", "stopped"]
    assert all(sorted(entry) == ["level", "logger", "message", "time"] for entry in log)
    assert not (tmp_path / "s").exists()


def test_sighup_gives_new_streams_a_new_model_and_old_ones_keep_theirs(serving, tmp_path):
    from websockets.sync.client import connect

    path, pcm = serving.save_tones(tmp_path), serving.tones(3)
    changed = judge().with_threshold(0.97)

    def rest(socket, start):
        socket.send(pcm[start:].tobytes())
        socket.send('{"type": "end"}')
        return serving.triples(one for one in map(json.loads, socket) if one["type"] == "event")

    with serving.in_thread(models=(path,)) as server, connect(f"{server.url}/v1/stream?id=a") as old:
        old.send(pcm[:SR].tobytes())
        changed.save(path)
        server.do(server.server.reload())
        with connect(f"{server.url}/v1/stream") as new:
            assert rest(new, 0) == serving.alone(changed, pcm)
        assert rest(old, SR) == serving.alone(judge(), pcm)
        server.until(lambda: len(list(server.server.hub.models)) == 1)
        (tmp_path / "tones.safetensors").write_bytes(b"no model")
        server.do(server.server.reload())  # is logged, and nothing changes
        with connect(f"{server.url}/v1/stream") as new:
            assert rest(new, 0) == serving.alone(changed, pcm)


def test_sighup_does_not_end_the_process(serving, tmp_path):
    with serving.as_process(serving.save_tones(tmp_path)) as server:
        server.process.send_signal(signal.SIGHUP)
        time.sleep(0.5)
        assert server.process.poll() is None
        assert "models reloaded; changed: none" in server.kill()


def test_a_slow_reader_is_cut_and_others_go_on(serving, tmp_path, monkeypatch):
    """A client that asks for probabilities and reads nothing fills its queue."""
    from websockets.sync.client import connect

    import wavenetlite.serve.session as session

    monkeypatch.setattr(session, "MOST_UNSENT", 20)
    pcm = serving.tones(2)
    with serving.in_thread(models=(serving.save_tones(tmp_path),)) as server:
        with connect(f"{server.url}/v1/stream?probabilities=1", max_queue=1) as slow, ThreadPoolExecutor(1) as pool:
            flood = pool.submit(send_until_cut, slow, pcm.tobytes())
            with connect(f"{server.url}/v1/stream") as other:
                other.send(pcm.tobytes())
                other.send('{"type": "end"}')
                said = [one for one in map(json.loads, other) if one["type"] == "event"]
            assert serving.triples(said) == serving.alone(judge(), pcm)
            assert flood.result(60)
        server.until(lambda: len(server.server.hub) == 0)


def send_until_cut(socket, data):
    from websockets.exceptions import ConnectionClosed

    try:
        for _ in range(3000):
            socket.send(data)
    except (ConnectionClosed, OSError):
        return True
    return False
