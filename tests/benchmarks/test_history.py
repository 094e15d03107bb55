"""The recorded ratios, and the rule by which a ratio has fallen."""

import json
from dataclasses import replace

import pytest
from recorded import PEER, ROUNDS, a_run

history, ratios, results, run = (
    pytest.importorskip(f"benchmarks.{name}", reason="the benchmarks do not lie beside the tests")
    for name in ("history", "ratios", "results", "run")
)

NAME = f"C block 1: {PEER}"


def record(ratio=2.0, noise=0.001, **options):
    return history.record(a_run(ratio, noise, **options))


def test_a_fall_of_6_percent_is_found_and_one_of_4_is_not():
    assert list(history.compare(record(2.0), record(2.0 * 0.94)).fallen) == [NAME]
    assert list(history.compare(record(2.0), record(2.0 * 0.96)).kept) == [NAME]
    assert list(history.compare(record(2.0), record(2.0 * 1.5)).kept) == [NAME]


def test_what_noise_can_explain_has_not_fallen():
    found = history.compare(record(2.0, noise=0.1), record(2.0 * 0.92, noise=0.1))
    assert list(found.unsure) == [NAME]
    assert not found.fallen and not found.kept


def test_a_large_fall_is_found_in_noise():
    assert list(history.compare(record(2.0, noise=0.1), record(1.2, noise=0.1)).fallen) == [NAME]


def test_one_round_that_went_wrong_changes_nothing():
    new = a_run(2.0, 0.001)
    new.rows[1].seconds[3] /= 10
    found = history.compare(record(2.0), history.record(new))
    assert list(found.kept) == [NAME]


def test_another_version_of_a_peer_is_not_compared():
    new = replace(record(1.0), versions={PEER: "peer 2"})
    found = history.compare(record(2.0), new)
    assert found.other_version == {NAME: "peer 1, now peer 2"}
    assert not found.fallen
    assert f"not compared: {PEER}: peer 1, now peer 2" in history.text(record(2.0), found)


def test_what_was_not_measured_is_counted():
    found = history.compare(record(2.0), replace(record(2.0), ratios={}))
    assert found.missing == [NAME]
    assert "1 not measured now" in history.text(record(2.0), found)


def test_the_better_of_two_measurements_counts():
    first, again = record(1.0), record(2.0)
    assert history.better(first, again).ratios == again.ratios
    assert history.better(again, first).ratios == again.ratios


def test_records_are_kept_and_the_last_of_the_same_kind_of_machine_is_found(tmp_path):
    path = tmp_path / "history.jsonl"
    assert history.read(path) == []
    for ratio, cpu in ((2.0, "this"), (3.0, "this"), (4.0, "another")):
        history.append(record(ratio, cpu=cpu), path)
    records = history.read(path)
    assert [one.ratios[NAME].median for one in records] == pytest.approx([2.0, 3.0, 4.0], rel=1e-3)
    assert history.last_like(record(cpu="this"), records) == records[1]
    assert history.last_like(record(cpu="a third"), records) is None
    assert history.last_like(record(cpu="this", isa="sse2"), records) is None
    kept = json.loads(path.read_text().splitlines()[0])
    assert kept["machine"] == {"cpu": "this", "isa": "avx2"}
    assert kept["versions"] == {PEER: "peer 1"}
    assert kept["commit"] == "abc1234" and kept["date"].startswith("2026")


@pytest.mark.parametrize("line", ["{", "[]", "3", '{"ratios": {}}', '{"ratios": {"C block 1: x": [1, 2]}}'])
def test_a_damaged_line_is_named(tmp_path, line):
    path = tmp_path / "history.jsonl"
    history.append(record(), path)
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(results.ResultsError, match="line 2: not a record"):
        history.read(path)


def test_the_interval_of_a_median_is_that_of_the_sign_test():
    nine = ratios.of_median([3, 1, 2, 9, 8, 7, 5, 6, 4])  # of nine, the second and the eighth: 96.1 %
    assert (nine.median, nine.low, nine.high) == (5, 2, 8)
    three = ratios.of_median([3, 1, 2])  # three cannot be 95 % sure: all of them
    assert (three.median, three.low, three.high) == (2, 1, 3)
    assert ratios.of_median([4.0]) == ratios.Ratio(4.0, 4.0, 4.0)


def test_ratios_are_taken_round_by_round():
    drifting = a_run(2.0, 0.0)
    for row in drifting.rows:
        row.seconds = [seconds * (1 + round_) for round_, seconds in enumerate(row.seconds)]
    found = ratios.ratios(drifting)[NAME]
    assert (found.low, found.high) == pytest.approx((2.0, 2.0))
    assert len(drifting.rows[0].seconds) == ROUNDS


def check(tmp_path, new, *more):
    """The exit status of ``--check`` on recorded numbers."""
    results.save(new, tmp_path / "new.json")
    files = ["--results", str(tmp_path / "new.json"), "--history", str(tmp_path / "history.jsonl")]
    return run.main([*files, *more])


def test_the_command_says_what_fell(tmp_path, capsys):
    assert check(tmp_path, a_run(2.0, 0.001), "--check") == 2
    assert "has no record of a CPU with avx2 to compare with: make one by --record" in capsys.readouterr().out
    assert check(tmp_path, a_run(2.0, 0.001), "--record") == 0
    capsys.readouterr()
    assert check(tmp_path, a_run(1.97, 0.001), "--check") == 0
    assert "0 fell, 1 held" in capsys.readouterr().out
    assert check(tmp_path, a_run(1.8, 0.001), "--check") == 1
    out = capsys.readouterr().out
    assert f"fell: {NAME}: 2 (" in out and "(-10.0%)" in out and "compared with abc1234" in out
    assert len(history.read(tmp_path / "history.jsonl")) == 1


def test_a_checked_run_can_be_recorded_too(tmp_path):
    assert check(tmp_path, a_run(2.0, 0.001), "--record", "--check") == 2  # there is nothing before it
    assert check(tmp_path, a_run(1.8, 0.001), "--record", "--check") == 1
    assert len(history.read(tmp_path / "history.jsonl")) == 2


def test_what_fell_is_measured_again_before_it_is_said(tmp_path, monkeypatch, capsys):
    history.append(record(2.0), tmp_path / "history.jsonl")
    asked = []

    def measured(options, only=None):
        asked.append(only)
        return a_run(1.5, 0.001) if only is None else a_run(2.0, 0.001)

    monkeypatch.setattr(run, "_run", measured)
    assert run.main(["--check", "--history", str(tmp_path / "history.jsonl")]) == 0
    assert asked == [None, {("C", "block 1")}]
    assert "1 of 1 ratios fell: measured again" in capsys.readouterr().out


@pytest.mark.parametrize("text", ["", "[]", '{"rows": 3}', '{"rows": [{"no": 1}]}'])
def test_a_file_that_holds_no_results_is_refused(tmp_path, capsys, text):
    (tmp_path / "new.json").write_text(text)
    assert run.main(["--results", str(tmp_path / "new.json"), "--check"]) == 2
    assert "not the results of a run" in capsys.readouterr().err
    assert run.main(["--results", str(tmp_path / "absent.json"), "--check"]) == 2
