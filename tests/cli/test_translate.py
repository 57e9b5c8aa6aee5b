"""`chainrule translate`: sentences, files, pictures, JSON, and what is refused."""

import io
import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1] / "learn"))
import pairs_of_words

import chainrule
from chainrule.cli.main import main
from chainrule.cli.translate import _groups
from chainrule.errors import UserError
from chainrule.learn.translation.bleu import Bucket
from chainrule.look import alignment, lengths, looks


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with pairs and two runs: with attention and without."""
    home = tmp_path_factory.mktemp("home")
    pairs = pairs_of_words.write(home / "pairs")
    common = {"runs": str(home / "runs"), "threads": 1, "device": "cpu", "data": {"source": "de", "target": "en"}}
    chainrule.train("seq2seq_attention", pairs, model={"width": 24}, lr=2e-2, epochs=12, name="looking", **common)
    chainrule.train("seq2seq", pairs, model={"width": 8}, epochs=1, name="plain", **common)
    return home


@pytest.fixture
def say(home, monkeypatch, capsys):
    monkeypatch.chdir(home)

    def say(*words, code=0):
        assert main(["translate", *words]) == code
        told = capsys.readouterr()
        assert "Traceback" not in told.err
        return told.err if code else told.out

    return say


def test_sentences_one_a_line(say):
    assert say("looking", "der rote hund singt.", "ein mann läuft.").splitlines() == [
        "the red dog sings.",
        "a man runs.",
    ]


def test_a_file_line_by_line_with_an_empty_line_kept(say, home):
    (home / "in.txt").write_text("ein mann läuft.\n\nder rote hund singt.\n", encoding="utf-8")
    assert say("looking", "--file", "in.txt").split("\n") == ["a man runs.", "", "the red dog sings.", ""]


def test_lines_from_a_pipe_come_out_in_order_beyond_one_chunk(say, monkeypatch):
    pairs = pairs_of_words.sentences(70, 3)
    typed = "".join(f"{source}\n" for source, _ in pairs).encode()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(typed)))
    said = say("looking", "--file", "-", "--beam", "1").splitlines()
    assert len(said) == 70 and sum(a == b for a, (_, b) in zip(said, pairs, strict=True)) > 60


def test_a_line_in_a_pipe_waits_for_no_other_one(monkeypatch):
    read, write = os.pipe()
    with os.fdopen(read) as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        groups = _groups("-")
        os.write(write, "\ufeffeins\r\nzw".encode())
        assert next(groups) == ["eins"]
        os.write(write, b"ei\n\ndrei")
        assert next(groups) == ["zwei", ""]
        os.write(write, b"\xff")
        os.close(write)
        with pytest.raises(UserError, match="--file - line 4: not UTF-8"):
            list(groups)


def test_n_best_with_their_scores(say):
    lines = [
        line.split("\t") for line in say("looking", "ein mann läuft.", "--n-best", "3", "--beam", "4").splitlines()
    ]
    assert len(lines) == 3 and lines[0][1] == "a man runs."
    assert float(lines[0][0]) > float(lines[1][0])


def test_json_has_scores_and_alignments_and_none_without_attention(say):
    told = json.loads(say("looking", "ein mann läuft.", "--json"))
    best = told["said"][0]
    assert told["tokens"] == ["ein", "mann", "läuft", "."] and best["tokens"] == ["a", "man", "runs", ".", "<EOS>"]
    assert np.array(best["alignment"]).shape == (5, 4) and np.allclose(np.sum(best["alignment"], 1), 1, atol=1e-3)
    assert best["score"] == pytest.approx(best["log_prob"] / 5, abs=1e-5)
    assert json.loads(say("plain", "ein mann läuft.", "--json"))["said"][0]["alignment"] is None


def test_the_heat_map_is_drawn(say, home):
    said = say("looking", "ein mann läuft.", "--attention", "look.png")
    assert said.splitlines()[0] == "a man runs."
    with Image.open(home / "look.png") as image:
        assert np.asarray(image.convert("L")).std() > 20


def test_pictures_of_chinese_and_of_many_runs(tmp_path):
    shares = [[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.2, 0.2, 0.6]]
    alignment.draw(["我", "爱", "你"], ["I", "love</w>", "<EOS>"], shares, tmp_path / "a.png", "中文")
    looks.draw(["我", "爱", "你"], ["I", "love", "<EOS>"], shares, 1, tmp_path / "b.png")
    buckets = [Bucket(1, 4, 10, 30.0), Bucket(5, 9, 10, 20.0)]
    lengths.draw({"one": buckets, "two": buckets[::-1]}, tmp_path / "c.png", "two runs")
    for name in "abc":
        with Image.open(tmp_path / f"{name}.png") as image:
            assert min(image.size) >= 200 and np.asarray(image.convert("L")).std() > 8


BAD = {
    "translate: expected sentences, or --file": ("looking",),
    "expected sentences, or --file with lines of them; one of the two": ("looking", "ein", "--file", "in.txt"),
    "--n-best 6: expected at most --beam 5": ("looking", "ein mann.", "--n-best", "6"),
    "--attention a.jpg: expected a file name that ends in .png": ("looking", "ein mann.", "--attention", "a.jpg"),
    "--attention a.png: expected one sentence, got 2": ("looking", "ein", "mann", "--attention", "a.png"),
    "--attention no/a.png: there is no folder no": ("looking", "ein", "--attention", "no/a.png"),
    "this network has no attention": ("plain", "ein mann.", "--attention", "a.png"),
    "--file none.txt: no such file": ("looking", "--file", "none.txt"),
    "--file latin.txt line 2: not UTF-8": ("looking", "--file", "latin.txt"),
    "sentence 1: only unknown words (qwertz)": ("looking", "qwertz"),
    "no run 'nobody'": ("nobody", "ein mann."),
}


@pytest.mark.parametrize("message", BAD)
def test_bad_input_is_one_line(message, say, home):
    (home / "latin.txt").write_bytes(b"ein mann.\nein m\xe4nn.\n")
    assert message in say(*BAD[message], code=2)


def test_a_run_that_translates_cannot_predict(home, monkeypatch, capsys):
    monkeypatch.chdir(home)
    Path("x.txt").write_text("x")
    assert main(["predict", "looking", "x.txt"]) == 2
    assert "cannot predict: use `chainrule translate looking TEXT`" in capsys.readouterr().err
    assert main(["evaluate", "looking"]) == 0
    told = capsys.readouterr().out
    assert "bleu_words" in told and "sacrebleu nrefs:1" in told
