"""The benchmarks measure what they say: turns, medians, ratios, and a file that reads back."""

import json
import random
import re
import runpy
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from chainrule import nn as ours
from chainrule.timing import Ratio, interleave, medians

FOLDER = Path(__file__).resolve().parents[1] / "benchmarks"
NAMES = (
    *("modules", "optimizers", "steps", "vision", "start", "augment", "word2vec"),
    *("sequences", "batching", "decoding"),
)


@pytest.fixture(autouse=True)
def among_the_benchmarks(monkeypatch):
    """As `python benchmarks/run.py` finds its neighbours; another module of such a name is put back afterwards."""
    monkeypatch.syspath_prepend(str(FOLDER))
    for name in ("harness", "plain", "run", *NAMES):
        monkeypatch.delitem(sys.modules, name, raising=False)
    yield
    for name in ("harness", "plain", "run", *NAMES):
        sys.modules.pop(name, None)


@pytest.fixture
def harness():
    import harness

    return harness


def test_all_take_turns_in_an_order_that_changes():
    order = []
    interleave({name: lambda name=name: order.append(name) for name in "abc"}, 0.0, 12, clock=steady())
    rounds = [order[i : i + 3] for i in range(6, len(order), 3)]  # two runs each are spent on finding the block
    assert len(rounds) == 12
    assert all(sorted(turn) == ["a", "b", "c"] for turn in rounds)
    assert len({tuple(turn) for turn in rounds}) > 2


def steady(tick=1.0):
    """A clock that goes on by one tick a look: everything takes a block."""
    now = [0.0]

    def clock():
        now[0] += tick
        return now[0]

    return clock


def test_what_is_short_is_repeated_and_counted_once():
    runs = []
    times = interleave({"a": lambda: runs.append(0)}, 0.0, 2, clock=steady(1e-4))
    assert len(runs) == 2 + 2 * 20  # a block of 2 ms holds 20 calls of 0.1 ms
    assert times["a"] == pytest.approx([1e-4 / 20] * 2)


def test_seconds_are_kept_and_rounds_are_a_floor():
    begin = time.perf_counter()
    times = interleave({"a": lambda: time.sleep(0.005)}, seconds=0.2, rounds=2)
    assert len(times["a"]) >= 5
    assert 0.2 <= time.perf_counter() - begin < 2
    assert len(interleave({"a": lambda: time.sleep(0.005)}, seconds=0.0, rounds=7)["a"]) == 7


def test_what_is_in_force_is_so_for_that_one_only():
    inside, seen = [], []

    @contextmanager
    def within(name):
        inside.append(name)
        yield
        inside.pop()

    interleave({n: lambda n=n: seen.append((n, *inside)) for n in "ab"}, 0.0, 3, within, steady())
    assert set(seen) == {("a", "a"), ("b", "b")}
    assert inside == []


def test_a_ratio_is_taken_round_by_round():
    """The second half of the time the machine was ten times slower: the ratio does not see it."""
    base, own = [2.0, 2.0, 20.0, 20.0, 20.0], [1.0, 1.0, 10.0, 10.0, 10.0]
    assert Ratio.of(base, own) == Ratio(2.0, 2.0, 2.0)
    assert Ratio.of([3.0], [2.0]) == Ratio(1.5, 1.5, 1.5)
    assert Ratio.of([1.0, 2.0, 3.0, 4.0, 5.0], [1.0] * 5) == Ratio(3.0, 2.0, 4.0)
    assert medians({"a": [9.0, 1.0, 2.0]}) == {"a": 2.0}


def test_a_row_compares_with_the_best_peer(harness, capsys):
    def sleeper(ms):
        return lambda: time.sleep(ms / 1000)

    forms = {"slow": sleeper(24), "quick": sleeper(12), "ours": sleeper(4)}
    row = harness.measure("row", "1×1", forms, ("slow", "quick"), 0.0)
    assert row.best == "quick"
    assert set(row.ratios) == {"ours"}
    assert row.seconds["slow"] > row.seconds["quick"] > row.seconds["ours"] > 0.004
    assert row.ratios["ours"].low <= row.ratios["ours"].median <= row.ratios["ours"].high
    assert 1 < row.ratios["ours"].median < 6
    said = capsys.readouterr().err
    assert said.startswith("row 1×1: slow 2") and said.count("\n") == 1  # at once, not with the table
    assert all(part in said for part in ("quick 1", "ours 4"))


def test_a_row_has_as_many_rounds_as_it_asks_for(harness):
    runs = []
    harness.measure("row", "1×1", {"torch": lambda: runs.append(time.sleep(0.003))}, ("torch",), 1e-9, rounds=9)
    assert len(runs) == 2 + 3
    runs.clear()
    with_time = {"torch": lambda: runs.append(time.sleep(0.3))}
    harness.measure("row", "1×1", with_time, ("torch",), 1.0, rounds=4)
    assert len(runs) == 2 + 4


def table(harness, *ratios, floor=0.0):
    made = harness.Table("made", "A table", {"ours": 0.97}, floor)
    for i, ratio in enumerate(ratios):
        own = Ratio(ratio, ratio - 0.1, ratio + 0.1)
        made.rows.append(harness.Row(f"row{i}", "2×3", ("torch",), {"torch": 1e-4, "ours": 1e-4}, {"ours": own}, 0.02))
    return made


def test_what_misses_the_goal_is_said(harness):
    made = table(harness, 0.96, 0.97, 1.2)
    assert [row.name for row, _ in made.below()] == ["row0"]
    assert harness.verdict(made) == "Goal: `ours` ≥ 0.97×. Below it: row0 2×3 (ours 0.96)."
    assert harness.verdict(table(harness, 1.0)) == "Goal: `ours` ≥ 0.97×. Every row reaches it."
    assert table(harness, 0.5, floor=2e-4).below() == []


def test_a_table_reads_back_as_it_was(harness, tmp_path):
    made = table(harness, 0.9, 1.1)
    made.notes.append("a note")
    back, machine = harness.load(harness.save(made, tmp_path))
    assert back == made
    assert machine == harness.machine() | {"load": machine["load"]}


def test_the_file_says_what_was_measured_where_and_nothing_private(harness, tmp_path):
    text = harness.save(table(harness, 1.1), tmp_path).read_text()
    told = json.loads(text)
    assert set(told) == {"machine", "name", "title", "goal", "floor", "times", "rows", "notes"}
    assert set(told["machine"]) == {"processor", "cores", "threads", "clock", "load", "python", "torch"}
    assert set(told["rows"][0]) == {"name", "shape", "peers", "best", "seconds", "ratios", "spread"}
    assert set(told["rows"][0]["ratios"]["ours"]) == {"median", "low", "high"}
    assert str(tmp_path) not in text
    assert str(Path.home()) not in text


def test_the_readme_shows_the_table_as_it_is(harness, tmp_path):
    path = tmp_path / "README.md"
    path.write_text("before\n<!-- made -->\nold\n<!-- /made -->\nafter\n")
    text = harness.markdown(table(harness, 0.9), {"cores": 2})
    for _ in range(2):
        harness.rewrite(path, "made", text)
        assert path.read_text() == f"before\n<!-- made -->\n{text}\n<!-- /made -->\nafter\n"
    assert "| row0 | 2×3 | 100 µs ±2% | 0.90 (0.80–1.00) |" in text
    with pytest.raises(ValueError, match="no markers"):
        harness.rewrite(path, "other", text)


@pytest.mark.parametrize("name", NAMES)
def test_the_readme_of_the_benchmarks_agrees_with_the_results(name, harness):
    whole, results = (FOLDER / "README.md").read_text(encoding="utf-8"), FOLDER / "results" / f"{name}.json"
    shown = harness.markdown(*harness.load(results)) + "\n" if results.exists() else ""
    assert f"<!-- {name} -->\n{shown}<!-- /{name} -->" in whole


def test_durations_have_three_digits(harness):
    told = [harness.duration(s) for s in (1.5, 0.0123, 0.000123, 0.0000123, 0.00000123, 12.0)]
    assert told == ["1.50 s", "12.3 ms", "123 µs", "12.3 µs", "1.23 µs", "12.0 s"]


def test_every_module_stands_in_the_table():
    from modules import CASES, UNMATCHED

    measured = {case.module for case in CASES}
    assert measured | UNMATCHED == set(ours.__all__)
    assert not measured & UNMATCHED


def test_every_row_computes_what_torch_computes():
    import modules

    for case in random.Random(0).sample(modules.CASES, 12):
        if case.module.startswith("Dropout"):
            continue  # it draws
        given = [calls.args for calls in modules.calls(case).values()]
        answers = [modules.answer(module, inputs) for module, inputs, *_ in given]
        for own in answers[1:]:
            torch.testing.assert_close(own, answers[0], rtol=1e-4, atol=1e-4)


def test_what_a_backward_keeps_is_counted():
    import modules

    x = torch.randn(4, 8, requires_grad=True)
    assert modules.kept(torch.nn.Linear(8, 8), (x,)) == 4 * 8 * 4  # its input; the weight is there anyway
    assert modules.kept(torch.nn.Tanh(), (x,)) == 4 * 8 * 4
    case = modules.Case("AdditiveAttention", (4, 4, 8), ((2, 16, 4), (2, 16, 4)))
    inputs = tuple(modules.tensor(shape) for shape in case.inputs)
    own, plain = (modules.kept(modules.build(case, torchs), inputs) for torchs in (False, True))
    assert own < 2 * 16 * 16 * 8 * 4 <= plain  # of all pairs ours keeps nothing


def test_steps_compare_equal_networks():
    import steps

    for name, net in steps.NETS.items():
        made = net.make()
        peer = steps.torchs(made)
        kinds = {type(m).__module__ for m in peer.modules() if not list(m.children())}
        assert all(kind.startswith("torch.nn.") for kind in kinds), name
        assert any(type(m).__module__.startswith("chainrule.nn") for m in made.modules()), name
        x = torch.randn(2, *net.shape[1:])
        torch.testing.assert_close(made.eval()(x), peer.eval()(x))


def test_networks_for_images_answer_as_their_peers():
    import vision

    net = vision.Net("resnet20", (4, 3, 8, 8))
    answers = {form: call() for form, call in vision.inference(net, compiled=False).items()}
    assert set(answers) == {*vision.PEERS[:2], "auto", "channels_last", "auto, folded", "channels_last, folded"}
    for found in answers.values():
        torch.testing.assert_close(found, answers["torch eager"], rtol=1e-3, atol=1e-4)
    given = [step() for step in vision.training(net, False, []).values()]
    losses = [out if isinstance(out, float) else out.loss for out in given]
    assert losses == pytest.approx([losses[0]] * 4, rel=1e-2)  # ours is one step further: its first one is run before


def test_peers_of_networks_for_images_are_torchs_own():
    import vision

    for net in vision.NETS:
        with torch.device("meta"):
            leaves = [m for m in vision.torchs(net.make()).modules() if not list(m.children())]
        strange = {type(m).__name__ for m in leaves if not type(m).__module__.startswith("torch.nn.")}
        assert strange <= {"ZeroPadShortcut"}, net.name  # which computes nothing


def test_a_row_of_images_names_the_best_form(monkeypatch):
    import vision

    monkeypatch.setattr(vision, "NETS", [vision.Net("resnet20", (1, 3, 8, 8))])
    made = vision.run(0.0, ["inference"])
    assert [row.name for row in made.rows] == ["resnet20, inference"]
    row = made.rows[0]
    assert row.seconds["best"] == min(row.seconds[form] for form in row.ratios)
    assert made.notes == ["With less than 0.5 s a row nothing is compiled or exported."]


def test_layers_over_sequences_answer_as_their_peers():
    import sequences

    torch.manual_seed(0)
    cases = [
        sequences.recurrent("LSTM", 5, 3, 4, bidirectional=True),
        sequences.attention(3, 5, 4, 6),
        sequences.encoder(3, 6, 8, 2),
        sequences.decoder(3, 6, 8, 2),
    ]
    for case in cases:
        calls = sequences.forms(case, "inference", compiled=False)
        assert set(calls) == {"torch eager", "auto", "formula"}
        for form, call in calls.items():
            with sequences.within(form):
                torch.testing.assert_close(call(), calls["torch eager"](), rtol=1e-4, atol=1e-5)
        given = {form: call() for form, call in sequences.forms(case, "training", compiled=False).items()}
        if not case.name.startswith("Transformer"):  # which draw what they drop
            assert list(given.values()) == pytest.approx([given["torch eager"]] * 3, rel=1e-4)


def test_additive_attention_keeps_a_fifth_at_most():
    import sequences

    own, plain = (float(x) for x in re.findall(r"(\d+\.\d)", sequences.memory(1, 200, 512)))
    assert plain >= 5 * own


def test_batches_of_pairs_are_the_same_on_both_sides(monkeypatch):
    import batching

    monkeypatch.setattr(batching, "PAIRS", 300)
    part = batching.pairs()
    ours = batching.Epochs(part)
    tensors = [(torch.tensor(s), torch.tensor([1, *t, 2])) for s, t in zip(part.sources, part.targets, strict=True)]
    rows = ours.rows(0)
    assert sorted(i for row in rows for i in row) == list(range(300))
    for step, row in enumerate(rows):
        (*x, y), (*given, want) = flat(ours.feed.at(step)[0]), flat(batching.collate([tensors[i] for i in row]))
        assert all(torch.equal(a, b) for a, b in zip((*x, y), (*given, want), strict=True))
    assert ours() == 300
    made = batching.run(0.0)
    assert [row.name for row in made.rows] == ["an epoch of pairs"] and "padding" in made.notes[0]


def flat(batch):
    (source, mask, read), y = batch
    return source, mask, read, y


@pytest.mark.parametrize("beam", [1, 3])
def test_the_straightforward_decoder_says_what_ours_says(beam):
    import decoding
    import plain

    size = decoding.Size(16, 2, 2, 4)
    model, given = decoding.network(size), decoding.sources(4)
    said = decoding.ours(model, given, beam)
    assert [len(one) for one in said] == [decoding.LENGTH] * 4
    assert decoding.same([said, plain.Translator(model, decoding.LENGTH)(given, beam)]) == 1


def test_resnet50_has_its_tensors():
    from optimizers import resnet50

    assert sum(torch.Size(shape).numel() for shape in resnet50(1)) == 25_557_032


@pytest.mark.parametrize(
    "words",
    [
        *(["modules", "--only", "ReLU"], ["optimizers", "--only", "SGD"], ["start", "--only", "completion"]),
        ["sequences", "--only", "GRU, bidirectional"],
    ],
)
def test_a_small_run_goes_through(words, monkeypatch, capsys):
    before = (FOLDER / "README.md").read_text(encoding="utf-8")
    monkeypatch.setattr(sys, "argv", ["run.py", *words, "--seconds", "0", "--dry", "--threads", "1"])
    threads = torch.get_num_threads()
    try:
        runpy.run_path(str(FOLDER / "run.py"), run_name="__main__")
    finally:
        torch.set_num_threads(threads)
    shown = capsys.readouterr().out
    assert words[2] in shown
    assert "Goal: " in shown
    assert (FOLDER / "README.md").read_text(encoding="utf-8") == before


def test_an_unknown_benchmark_is_one_line():
    command = [sys.executable, "-c", "from chainrule.cli.main import main; raise SystemExit(main())"]
    done = subprocess.run([*command, "bench", "--dry", "moduls"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert "modules" in done.stderr


@pytest.mark.slow
def test_every_form_of_a_step_is_measured():
    import steps

    notes = []
    row = steps.row("MLP 1024-512-256-10", "SGD", False, 0.0, notes)
    assert set(row.ratios) == {*steps.FORMS, "best compiled"}
    assert notes == []
