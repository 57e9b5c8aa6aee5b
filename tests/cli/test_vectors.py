"""`chainrule vectors` from a text to an answer, and one clear line for each mistake."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from chainrule.cli.main import main
from chainrule.cli.vectors import signed
from chainrule.data.vector_files import read, write
from chainrule.errors import UserError
from chainrule.learn.words.vectors import WordVectors
from chainrule.look.word_map import chosen

WORDS = ("king", "queen", "man", "woman", "keyboard", "mouse")
ROWS = np.array([[4, 1, 0], [4, 0, 1], [0.1, 1, 0], [0.1, 0, 1], [-1, 1, 1], [-1, 1, 0.9]], np.float32)


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "v.txt", WORDS, ROWS)
    return "v.txt"


def said(capsys, *words):
    assert main(["vectors", *words]) == 0, capsys.readouterr().err
    return capsys.readouterr().out


def test_a_run_is_trained_asked_exported_and_resumed(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CHAINRULE_DATA", raising=False)
    (tmp_path / "text").write_text("king queen throne\ndog cat bone\n" * 300)
    words = [
        "train",
        "word2vec",
        "text",
        "epochs=3",
        "model.dim=8",
        "model.window=2",
        "model.sample=0",
        "threads=1",
        "name=first",
    ]
    assert main(words) == 0
    out = capsys.readouterr().out
    assert "epoch 3/3" in out and "words_per_second" in out
    assert "vectors  " in out and "vectors runs/first nearest WORD" in out
    nearest = said(capsys, "first", "nearest", "dog", "--top", "2").splitlines()[1:]
    assert {line.split()[0] for line in nearest} == {"cat", "bone"}
    assert "words.bin  6 words of 8 numbers, binary" in said(capsys, "first", "export", "--format", "binary")
    ours, exported = json.loads(said(capsys, "first", "nearest", "dog", "--json")), "runs/first/report/words.bin"
    assert json.loads(said(capsys, exported, "nearest", "dog", "--json")) == ours
    assert main(["resume", "first", "epochs=4"]) == 0
    assert main(["runs"]) == 0
    assert "word2vec" in capsys.readouterr().out
    for asked, use in (("evaluate", "evaluate"), ("export", "export"), ("predict", "nearest WORD")):
        assert main([asked, "runs/first", *["cat"] * (asked == "predict")]) == 2
        assert f"word vectors from plain text) cannot {asked}: " in (err := capsys.readouterr().err)
        assert f"use `chainrule vectors runs/first {use}`" in err and err.count("\n") == 1
    assert main(["models", "word2vec"]) == 0
    assert "takes dim=100 window=5" in capsys.readouterr().out


def test_each_word_asked_for_heads_its_own_group_on_the_map():
    rows = np.array([[1, 0.0], [1, 0.01], [0, 1], [0.02, 1], [1, 0.02]])
    vectors = WordVectors(("man", "woman", "rain", "snow", "girl"), rows)
    assert [group[0] for group in chosen(vectors, ["man", "woman", "Man"])] == [0, 1]
    assert sorted(row for group in chosen(vectors, ["man", "woman"]) for row in group) == [0, 1, 2, 3, 4]


def test_king_minus_man_plus_woman(file, capsys):
    for words in (["king", "-", "man", "+", "woman"], ["king - man + woman"], ["king", "-man", "+woman"]):
        assert said(capsys, file, "analogy", *words).splitlines()[1].split()[0] == "queen"


def test_questions_and_pairs_are_told_in_rows(file, tmp_path, capsys):
    (tmp_path / "q.txt").write_text(": royal\nman woman king queen\nman woman king Mars\n")
    (tmp_path / "p.tsv").write_text("# pairs\nking\tqueen\t9\nking\tmouse\t1\nman\tking\t4\nman\tMars\t0\n")
    row = json.loads(said(capsys, file, "evaluate", "q.txt", "--json"))[0]
    assert row == {"test": "royal", "figure": "accuracy", "value": 1.0, "used": 1, "skipped": 1}
    assert said(capsys, file, "evaluate", "p.tsv").splitlines()[1].split() == ["p", "rho", "1", "3", "1"]


@pytest.mark.parametrize(("method", "words"), [("pca", []), ("pca", ["king", "mouse"]), ("tsne", [])])
def test_a_map_is_a_picture(file, tmp_path, capsys, method, words):
    if method == "tsne":
        pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    assert "6 words, 6 of them named" in said(capsys, file, "map", *words, "--png", "map.png", "--method", method)
    with Image.open(tmp_path / "map.png") as image:
        grey = np.asarray(image.convert("L"))
    assert min(grey.shape) > 500 and grey.std() > 5


@pytest.mark.parametrize(
    ("words", "plus", "minus"),
    [
        (["a", "-", "b", "+", "c"], ["a", "c"], ["b"]),
        (["- b + a"], ["a"], ["b"]),
        (["well-known", "−", "b"], ["well-known"], ["b"]),
    ],
)
def test_signs_stand_alone_or_before_a_word(words, plus, minus):
    assert signed(words) == (plus, minus)


WRONG = [
    (["none", "nearest", "king"], "no run 'none'"),
    (["v.txt", "nearset", "king"], "unknown action 'nearset': expected one of nearest"),
    (["v.txt", "nearest"], "nearest: no word given"),
    (["v.txt", "nearest", "kingg"], "the word 'kingg' is not among the 6 words of these vectors; did you mean king?"),
    (["v.txt", "analogy", "king", "man"], "no sign before 'man'"),
    (["v.txt", "analogy", "king", "-", "-", "man"], "two signs in a row"),
    (["v.txt", "analogy", "king"], "expected words with signs"),
    (["v.txt", "analogy", "king", "-"], "expected words with signs"),
    (["v.txt", "evaluate", "a", "b"], "got 2 places; expected one file"),
    (["v.txt", "evaluate", "none"], "there is none of questions-words.txt"),
    (["v.txt", "evaluate", "v.txt"], "line 1: '6 3'; expected two words and a number"),
    (["v.txt", "evaluate", "ragged"], "line 2: 3 words; expected four"),
    (["v.txt", "evaluate", "bare"], "holds no questions"),
    (["v.txt", "map", "--png", "x.jpg"], "expected a file name that ends in .png"),
    (["v.txt", "map", "--png", "no/x.png"], "there is no folder no"),
    (["v.txt", "map", "kingg", "--png", "x.png"], "the word 'kingg' is not among"),
    (["few.txt", "map", "--png", "x.png"], "a map of 2 words: expected at least four"),
    (["v.txt", "export", "king"], "export: does not take 'king'"),
    (["v.txt", "export", "--out", "no/x"], "there is no folder no"),
    (["other", "nearest", "king"], "a run of mlp, which has no word vectors"),
]


@pytest.mark.parametrize(("words", "says"), WRONG, ids=[" ".join(words) for words, _ in WRONG])
def test_a_mistake_is_one_line_and_code_2(file, tmp_path, capsys, words, says):
    (tmp_path / "ragged").write_text(": a\nking queen man\n")
    (tmp_path / "bare").write_text(": a\n")
    write(tmp_path / "few.txt", WORDS[:2], ROWS[:2])
    (tmp_path / "runs" / "other").mkdir(parents=True)
    (tmp_path / "runs" / "other" / "run.toml").write_text('schema = 1\nmodel = "mlp"\ndata = "digits"\n')
    assert main(["vectors", *words]) == 2
    err = capsys.readouterr().err
    assert len(err.strip().splitlines()) == 1
    assert says in err
    assert "Traceback" not in err


def test_unknown_words_are_told_all_at_once(file):
    from chainrule.learn.words.vectors import WordVectors

    with pytest.raises(UserError) as caught:
        WordVectors(*read(Path(file))).most_similar(["one", "king"], ["two"])
    assert len(caught.value.lines) == 2
