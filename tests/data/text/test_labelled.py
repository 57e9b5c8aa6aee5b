"""Texts with labels: what files look like says how they are read, and what is wrong is one line."""

import gzip
from pathlib import Path

import pytest

from chainrule.data.text.labelled import How, labelled
from chainrule.data.text_names import TEXTS
from chainrule.errors import UserError

QUESTIONS = {"TREC.train.all": "3 Who wrote it ?\n4 Where is it ?\n", "TREC.test.all": "5 How many are there ?\n"}
TAGS = "The DET\ncat NOUN\n\n-DOCSTART- X\n\n# id = 3\na DET\n"


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return root


def test_a_known_set_may_lie_packed(tmp_path, monkeypatch):
    monkeypatch.setenv("CHAINRULE_DATA", str(tmp_path))
    (tmp_path / "sentences").mkdir()
    for name, text in QUESTIONS.items():
        (tmp_path / "sentences" / f"{name}.gz").write_bytes(gzip.compress(text.encode()))
    assert {part: [str(label) for _, label in rows] for part, rows in labelled("trec").parts.items()} == {
        "train": ["3", "4"],
        "test": ["5"],
    }


def test_a_table_has_named_columns_or_numbers(tmp_path):
    write(tmp_path, {"a.csv": 'id,said,kind\n1,"good, very",x\n2,bad,y\n', "b.tsv": "x\tgood\ny\tbad\n"})
    named = labelled(str(tmp_path / "a.csv"), How("said", "kind"))
    assert named.parts == {"train": [("good, very", "x"), ("bad", "y")]} and named.name == "a"
    assert labelled(str(tmp_path / "b.tsv"), How(1, 0)).parts["train"] == [("good", "x"), ("bad", "y")]


def test_a_folder_has_a_file_for_each_part(tmp_path):
    head = "text,label\n"
    write(tmp_path, {"train.csv": head + "a,1\n", "dev.csv": head + "b,2\n", "test.csv": head + "c,3\n", "README": "?"})
    assert labelled(str(tmp_path)).parts == {"train": [("a", "1")], "val": [("b", "2")], "test": [("c", "3")]}


def test_a_label_and_a_text_a_line(tmp_path):
    write(tmp_path, {"a.txt": "1 a good one\n\n__label__0 bad\nx y\tbad words\n"})
    said = labelled(str(tmp_path / "a.txt")).parts["train"]
    assert said == [("a good one", "1"), ("bad", "0"), ("bad words", "x y")]


def test_a_file_or_a_folder_for_each_class(tmp_path):
    write(tmp_path / "f", {"cat.txt": "mew\npurr\n", "dog.txt": "woof\n"})
    assert labelled(str(tmp_path / "f")).parts["train"] == [("mew", "cat"), ("purr", "cat"), ("woof", "dog")]
    write(tmp_path / "g", {"train/pos/1.txt": "good\nfilm", "train/neg/1.txt": "bad", "test/pos/9.txt": "fine"})
    found = labelled(str(tmp_path / "g")).parts
    assert found == {"train": [("bad", "neg"), ("good film", "pos")], "test": [("fine", "pos")]}


def test_tokens_with_their_tags(tmp_path):
    write(tmp_path, {"a.conll": TAGS, "d/train.words": "The cat\na\n", "d/train.tags": "DET NOUN\nDET\n"})
    wanted = [(("The", "cat"), ("DET", "NOUN")), (("a",), ("DET",))]
    columns = labelled(str(tmp_path / "a.conll"))
    assert columns.tagged and columns.parts["train"] == wanted
    beside = labelled(str(tmp_path / "d"), How("words", "tags"))
    assert beside.tagged and beside.parts["train"] == wanted
    write(tmp_path, {"b.conll": "1\tThe\tthe\tDET\n2\tcat\tcat\tNOUN\n"})
    assert labelled(str(tmp_path / "b.conll"), How(1, 3)).parts["train"] == wanted[:1]


WRONG = {
    "no such column": (
        {"a.csv": "said,label\nx,1\n"},
        "a.csv",
        r"unknown column of .*a.csv 'text': expected one of said",
    ),
    "a ragged table": ({"a.csv": "text,label\nx,1\ny\n"}, "a.csv", r"a.csv line 3: 1 columns: expected 2"),
    "an empty cell": ({"a.csv": "text,label\nx,\n"}, "a.csv", r"a.csv line 2: nothing in column label"),
    "only a head": ({"a.csv": "text,label\n"}, "a.csv", r"a.csv: only a head: expected lines below it"),
    "an open quotation mark": ({"a.csv": 'text,label\n"x,1\n'}, "a.csv", r"a.csv line 2: .*check the quotation"),
    "an empty file": ({"a.txt": ""}, "a.txt", r"a.txt: an empty file: expected lines of text"),
    "a label alone": ({"a.txt": "1 good\n0\n"}, "a.txt", r"a.txt line 2: '0': expected a label and a text behind it"),
    "a token without its tag": (
        {"a.conll": "The DET\ncat\n"},
        "a.conll",
        r"line 2: 1 columns: expected a token and its",
    ),
    "no sentence": ({"a.conll": "-DOCSTART- O\n"}, "a.conll", r"a.conll: no sentence: expected a token and its tag"),
    "fewer tags": ({"train.text": "a b\n", "train.label": "X\n"}, ".", r"train.label line 1: 1 tags for 2 words"),
    "fewer lines": ({"train.text": "a\nb\n", "train.label": "X\n"}, ".", r"expected\s+one translation a line"),
    "nothing to read": ({"notes.pdf": "?"}, ".", r"no labelled texts: expected train.csv, .* or train.text beside"),
    "two forms": (
        {"train.conll": TAGS, "test.csv": "text,label\na,1\n"},
        ".",
        r"some parts have tags and some have not",
    ),
    "no such source": ({}, "nowhere", r"data '.*nowhere': expected one of sst2, sst5, mr, trec, names, or the path"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_one_line(tmp_path, name):
    files, source, message = WRONG[name]
    with pytest.raises(UserError, match=message) as caught:
        labelled(str(write(tmp_path, files) / source))
    assert len(caught.value.lines) == 1


def test_a_wrong_encoding_is_named_with_its_line(tmp_path):
    (tmp_path / "a.csv").write_bytes("text,label\n好,1\n".encode("gbk"))
    assert labelled(str(tmp_path / "a.csv"), How(encoding="gbk")).parts["train"] == [("好", "1")]
    with pytest.raises(UserError, match=r"a.csv line 2: byte 0x.. is not utf-8"):
        labelled(str(tmp_path / "a.csv"), How(encoding="utf-8"))


def test_known_sets_are_found_by_name(shared_data, monkeypatch, tmp_path):
    monkeypatch.setenv("CHAINRULE_DATA", str(shared_data))
    counts = {name: {k: len(v) for k, v in labelled(name).parts.items()} for name in TEXTS}
    assert counts["sst2"] == {"train": 6920, "val": 872, "test": 1821}
    assert counts["trec"] == {"train": 5452, "test": 500}
    assert counts["names"] == {"train": 20050} and len({label for _, label in labelled("names").parts["train"]}) == 18
    trec = labelled("trec")
    about = {label: str(text) for text, label in reversed(trec.parts["test"])}
    assert [about[str(i)].split()[0] for i in (2, 3)] == ["What", "Who"] and trec.classes[3] == "person"
    monkeypatch.setenv("CHAINRULE_DATA", str(tmp_path))
    with pytest.raises(UserError, match=r"trec is not on this machine: put TREC.train.all, TREC.test.all \(Li & Roth"):
        labelled("trec")
