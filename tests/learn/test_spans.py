"""Entities are right only as a whole: seqeval's published example, IOBES, what conlleval forgives."""

import json
import random

import pytest

import chainrule
from chainrule.cli.main import main
from chainrule.learn.metrics import Spans
from chainrule.learn.metrics.spans import name_spans, spans

# The example of seqeval's README, https://github.com/chakki-works/seqeval: F1 0.50, of MISC 0, of PER 1.
TRUE = [["O", "O", "O", "B-MISC", "I-MISC", "I-MISC", "O"], ["B-PER", "I-PER", "O"]]
SAID = [["O", "O", "B-MISC", "I-MISC", "I-MISC", "I-MISC", "O"], ["B-PER", "I-PER", "O"]]


def judged(true, said):
    names = tuple(sorted({tag for tags in [*true, *said] for tag in tags}))
    metrics = Spans(len(names), names=names)
    for right, answer in zip(true, said, strict=True):
        metrics.text([names.index(t) for t in right], [names.index(t) for t in answer])
    return metrics


def test_the_example_of_seqeval():
    metrics = judged(TRUE, SAID)
    assert [metrics.figures()[f"span_{k}"] for k in ("precision", "recall", "f1")] == [0.5, 0.5, 0.5]
    assert metrics.by_kind() == {
        "MISC": {"spans": 1, "precision": 0.0, "recall": 0.0, "f1": 0.0},
        "PER": {"spans": 1, "precision": 1.0, "recall": 1.0, "f1": 1.0},
    }


@pytest.mark.parametrize(
    ("tags", "found"),
    [
        ("B-A I-A E-A O S-B S-B", [("A", 0, 2), ("B", 4, 4), ("B", 5, 5)]),
        ("B-A I-A L-A U-B", [("A", 0, 2), ("B", 3, 3)]),
        ("B-A B-A I-A", [("A", 0, 0), ("A", 1, 2)]),
        ("I-A I-A O I-A", [("A", 0, 1), ("A", 3, 3)]),  # as conlleval forgives
        ("B-A I-B", [("A", 0, 0), ("B", 1, 1)]),
        ("E-A E-A I-A", [("A", 0, 0), ("A", 1, 1), ("A", 2, 2)]),
        ("B-a-b I-a-b", [("a-b", 0, 1)]),
        ("O O", []),
    ],
)
def test_spans_are_read_from_every_scheme(tags, found):
    assert spans(tags.split()) == found


def test_micro_means_count_spans_and_not_kinds():
    metrics = judged([["B-A", "B-A", "B-A", "B-C"]], [["B-A", "B-A", "O", "O"]])
    assert [round(metrics.figures()[f"span_{k}"], 4) for k in ("precision", "recall", "f1")] == [1.0, 0.5, 0.6667]


def test_nothing_said_and_nothing_there_is_zero():
    assert judged([["O"]], [["O"]]).figures()["span_f1"] == 0


def test_only_marks_and_kinds_are_spans():
    assert name_spans(["O", "S-X", "B-X"])
    assert not name_spans(["B", "I", "O"]) and not name_spans(["NOUN", "B-X"])


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Names of people have two words: whoever tags one of them only has no span right."""
    rng, root = random.Random(0), tmp_path_factory.mktemp("spans")
    lines = []
    for _ in range(150):
        for _ in range(rng.randint(1, 3)):
            lines += ["hears O"] * rng.randint(0, 2)
            lines += rng.choice([["ada B-PER", "king I-PER"], ["rome B-LOC"]])
        lines.append("")
    (root / "people.bio").write_text("\n".join(lines))
    settings = {"epochs": 6, "lr": 0.05, "batch_size": 16, "threads": 1, "model": {"width": 8, "hidden": 8}}
    return chainrule.train("text_lstm", root / "people.bio", runs=str(root / "runs"), **settings)


def test_a_run_is_chosen_and_judged_by_its_spans(run, capsys):
    assert run.metrics["test_span_f1"] == 1 and "test_span_recall" in run.metrics
    assert run.verdict is not None and run.verdict[0].startswith("test span_f1")
    assert run.finished["baselines"]["majority"]["test_span_f1"] < 1
    assert main(["evaluate", str(run.path)]) == 0
    out = capsys.readouterr().out
    assert "span_f1" in out and "100.00 %" in out
    kind, count, *_ = next(line for line in out.splitlines() if line.startswith("PER")).split()
    assert main(["evaluate", str(run.path), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["spans"][kind] == {"spans": int(count), "precision": 1.0, "recall": 1.0, "f1": 1.0}
    assert (
        "span\\_f1" in (run.path / "report" / "report.md").read_text()
        or "span_f1" in (run.path / "report" / "report.md").read_text()
    )
