"""`chainrule data show` and `check` of one's own labelled texts and pairs: known by what they hold."""

import pytest

from chainrule.cli.main import main

FILES = {
    "words.conll": "a DET\nfilm NOUN\n\n" * 3,
    "reviews.csv": "text,label\na fine film,good\na dull film,bad\n",
    "parts/train.tsv": "label\ttext\ngood\ta fine film\nbad\ta dull film\n",
    "pairs/train.de": "ein hund\nein mann\n",
    "pairs/train.en": "a dog\na man\n",
    "torn.csv": "text,label\na fine film,good\na dull film\n",
}


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("words.conll", "words: train 3; 2.0 words a text"),
        ("reviews.csv", "reviews: train 2; 3.0 words a text"),
        ("parts", "parts: train 2; 3.0 words a text"),
        ("pairs", "pairs de→en: train 2 pairs"),
    ],
)
def test_own_texts_and_pairs_are_shown_and_checked(source, told, capsys):
    for action in ("show", "check"):
        assert main(["data", action, source]) == 0
        assert capsys.readouterr().out.startswith(told)


def test_what_is_wrong_with_own_texts_is_one_line(capsys):
    assert main(["data", "check", "torn.csv"]) == 2
    assert capsys.readouterr().err == "error: torn.csv line 3: 1 columns: expected 2 as in the first line\n"
