"""HTTP: files and chunks to classify, models, health, metrics, tokens and TLS."""

import http.client
import json
import ssl
import subprocess
import urllib.error
import urllib.request

import numpy as np
import pytest
from level_classifier import SR, judge

pytest.importorskip("aiohttp", reason="needs aiohttp")
pytest.importorskip("picows", reason="needs picows")
from serving import alone, floats, in_thread, save_tones, tones, triples

import wavenetlite as wl
from wavenetlite.serve import Server, Settings
from wavenetlite.serve import http as server_http

TOKEN = "0123456789abcdef0"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_tones(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def server(model):
    with in_thread(models=(model,), most_file_bytes=200_000) as running:
        yield running


def ask(server, path, body=None, method=None, **headers):
    """Status and answer of a request."""
    request = urllib.request.Request(f"http://127.0.0.1:{server.port}{path}", body, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def encoded(tmp_path, y, sr=SR):
    path = tmp_path / "sound.wav"
    wl.audio.write(path, y, sr)
    return path.read_bytes()


def test_a_request_that_is_not_text_is_refused_and_a_fault_of_ours_is_not_blamed_on_it(server, monkeypatch, caplog):
    """Both are a UnicodeError; only the client's own bytes are the client's mistake."""

    def fault(*_):
        return b"\xff".decode()

    monkeypatch.setattr(server_http, "classify_file", fault)
    status, text = ask(server, "/v1/classify?model=tones", b"x", **{"X-Name": "\xff"})  # as one byte, latin-1
    assert (status, json.loads(text)["error"]) == (400, "the request has bytes that are not text")
    status, text = ask(server, "/v1/classify?model=tones", b"x")
    assert (status, json.loads(text)["error"]) == (500, "the server failed; its log says why")
    assert "a request to /v1/classify failed" in caplog.text


def test_a_file_is_classified_as_by_the_library(server, tmp_path):
    pcm, clf = tones(3), judge()
    status, text = ask(server, "/v1/classify?model=tones", encoded(tmp_path, floats(pcm)))
    said = json.loads(text)
    prediction = clf.predict(pcm)
    assert status == 200
    assert (said["model"], said["label"], said["score"]) == ("tones", prediction.label, prediction.score)
    np.testing.assert_array_equal(np.float32(list(said["probabilities"].values())), prediction.probabilities)
    assert triples(said["events"]) == alone(clf, pcm)


def test_another_rate_must_be_asked_for(server, tmp_path):
    data = encoded(tmp_path, np.zeros(4000, np.float32), 16000)
    status, text = ask(server, "/v1/classify", data)
    assert status == 400 and "resample=1" in json.loads(text)["error"]
    assert ask(server, "/v1/classify?resample=1", data)[0] == 200


def test_what_is_no_file_is_refused_in_one_line(server, tmp_path):
    stereo = encoded(tmp_path, np.zeros((4000, 2), np.float32))
    for path, body, status, needle in (
        ("/v1/classify", b"no sound", 400, "the file"),
        ("/v1/classify", b"", 400, "the file"),
        ("/v1/classify", stereo, 400, "2 channels"),
        ("/v1/classify", stereo[: len(stereo) // 2], 400, "the file"),
        ("/v1/classify?model=nobody", b"", 404, "must be one of tones"),
        ("/v1/classify", bytes(300_000), 413, ""),
        ("/v1/classify?format=pcm16&sr=1", bytes(10), 400, "sr=1 must be"),
        ("/v1/nothing", None, 404, "Not Found"),
        ("/v1/stream", None, 400, ""),
    ):
        got, text = ask(server, path, body)
        error = json.loads(text)["error"]
        assert got == status and needle in error and "\n" not in error, (path, got, text)
    server.until(lambda: len(server.server.hub) == 0)


@pytest.mark.parametrize("piece", [333, 5000])
def test_chunks_are_answered_by_lines(server, piece):
    pcm = tones(3)
    data = pcm.tobytes()
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    chunks = (data[at : at + piece] for at in range(0, len(data), piece))
    connection.request("POST", "/v1/classify?format=pcm16", body=chunks, encode_chunked=True,
                       headers={"Transfer-Encoding": "chunked"})  # fmt: skip
    said = [json.loads(line) for line in connection.getresponse()]
    connection.close()
    assert said[0]["type"] == "resume" and said[-1]["type"] == "done" and said[-1]["samples"] == len(pcm)
    assert triples(said[1:-1]) == alone(judge(), pcm)


def test_a_body_that_ends_within_a_sample_is_told(server):
    status, text = ask(server, "/v1/classify?format=pcm16", bytes(801))
    assert status == 200
    assert "ends within a sample" in json.loads(text.splitlines()[-1])["message"]


def test_models_health_and_metrics(server):
    assert ask(server, "/healthz") == (200, '{"status": "ok"}')
    assert ask(server, "/readyz") == (200, '{"status": "ready"}')
    models = json.loads(ask(server, "/v1/models")[1])["models"]
    assert [(one["name"], one["sr"], one["words"]) for one in models] == [("tones", SR, ["low", "high"])]
    before = server.count("blocks_total", model="tones")
    ask(server, "/v1/classify?format=pcm16", tones(1).tobytes())
    assert server.count("blocks_total", model="tones") > before
    text = ask(server, "/metrics")[1]
    for name in ("streams{", "streams_opened_total{", "blocks_total{", "events_total{", "tick_seconds_count",
                 "latency_seconds_bucket", "streams_closed_total{", "requests_refused_total{"):  # fmt: skip
        assert f"wavenetlite_{name}" in text
    assert 'wavenetlite_streams{model="tones"} 0.0' in text


def test_tokens(model, tmp_path):
    (tmp_path / "tokens").write_text(f"# comment\nann {TOKEN}\n")
    with in_thread(models=(model,), token_file=str(tmp_path / "tokens")) as server:
        for path, body in (("/v1/models", None), ("/v1/classify", b""), ("/v1/stream", None), ("/vosk", None)):
            for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {TOKEN}"},
                            {"Authorization": "Bearer "}):  # fmt: skip
                assert ask(server, path, body, **headers)[0] == 401
        assert ask(server, "/v1/models", Authorization=f"Bearer {TOKEN}")[0] == 200
        assert ask(server, "/healthz")[0] == 200
        with pytest.raises(wl.client.ClientError, match="no valid token"):
            wl.client.Client(server.url, sr=SR)
        client = wl.client.Client(server.url, sr=SR, token=TOKEN)
        client.process(np.zeros(SR, np.float32))
        client.close()
        assert client.result.label == "_silence_"


@pytest.mark.parametrize(("text", "needle"), [("", "has no token"), ("short\n", "at least 16"),
                                              ("a b c\n", "line 1 must be TOKEN or NAME TOKEN")])  # fmt: skip
def test_a_wrong_token_file_is_told(model, tmp_path, text, needle):
    (tmp_path / "tokens").write_text(text)
    with pytest.raises(wl.ParameterError, match=needle):
        Server(Settings(models=(model,), token_file=str(tmp_path / "tokens")))


def test_tls(model, tmp_path):
    cert, key = str(tmp_path / "cert.pem"), str(tmp_path / "key.pem")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", "1",
               "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]  # fmt: skip
    try:
        subprocess.run(command, check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("needs openssl")
    with in_thread(models=(model,), tls_cert=cert, tls_key=key) as server:
        assert server.addresses["websocket"].startswith("wss://")
        trusting = ssl.create_default_context(cafile=cert)
        with urllib.request.urlopen(f"https://127.0.0.1:{server.port}/healthz", context=trusting) as answer:
            assert answer.status == 200
    with pytest.raises(wl.ParameterError, match="tls_cert="), in_thread(models=(model,), tls_cert=key, tls_key=cert):
        pass
