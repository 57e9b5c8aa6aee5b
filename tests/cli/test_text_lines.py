"""`chainrule data show` on text: what became of the first lines."""

import pytest

from chainrule.cli.main import main


@pytest.fixture
def poem(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "poem.txt").write_bytes("床前明月光，\r\n\r\nA moon.\r\n".encode("gbk"))
    (tmp_path / "a.de").write_text("ein mann\nzwei\n")
    (tmp_path / "a.en").write_text("a man\ntwo\n")
    (tmp_path / "t.csv").write_text("text,label\ngood film,1\nbad film,0\n")
    return tmp_path


def said(capsys, *words):
    assert main(["data", "show", *words]) == 0
    return capsys.readouterr().out


def test_a_file_its_encoding_its_tokens_and_their_ids(poem, capsys):
    out = said(capsys, "poem.txt", "tokens=chinese", "normalise=lower")
    assert "poem.txt (gb18030, 1 empty lines): 2 lines, 9 tokens (chinese), 4.5 a line, at most 6 (line 1)" in out
    assert "vocabulary 13, unknown 0.0%" in out
    rows = out.splitlines()[1:]
    assert rows[1].split()[:3] == ["1", "6", "床│前│明│月│光│，"]
    assert rows[2].split()[:3] == ["3", "3", "a│moon│."]
    assert len(rows[2].split()[3:]) == 3


def test_parallel_files_and_columns(poem, capsys):
    out = said(capsys, "a.de", "a.en", "tokens=spaces", "lines=1")
    assert "a.de: 2 lines, 3 tokens" in out
    assert "a.en: 2 lines, 3 tokens" in out
    assert "zwei" not in out
    assert said(capsys, "a.de", "a.en").startswith("a.de: 2 lines")  # two files are text, and so is what has columns
    assert said(capsys, "t.csv", "columns=text").startswith("t.csv column text: 2 lines")
    assert said(capsys, "t.csv", "tokens=words").startswith("t.csv: read line by line; for its columns: columns=")
    out = said(capsys, "t.csv", "tokens=words", "columns=text", "min_freq=2")
    assert "t.csv column text: 2 lines, 4 tokens" in out
    assert "vocabulary 5, unknown 50.0%" in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["no.txt"], "no.txt: no such file"),
        (["poem.txt", "token=words"], "unknown option of text 'token'"),
        (["poem.txt", "tokens=wrods"], "did you mean words"),
        (["poem.txt", "lines=few"], "lines=few: expected a whole number"),
        (["poem.txt", "normalise=up"], "unknown normalisation"),
        (["poem.txt", "encoding=utf-8"], "line 1: byte 0xb4 is not utf-8"),
        (["t.csv", "tokens=words", "columns=txet"], "did you mean text"),
        (["a.de", "t.csv", "tokens=words"], "a.de has 2 lines and t.csv 3"),
        (["a.de", "a.en", "tokens=words", "columns=0"], "expected one table"),
        (["poem.txt", "min_freq=9"], "no token stands so often"),
    ],
)
def test_one_line_for_what_is_wrong(poem, capsys, words, message):
    assert main(["data", "show", *words]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert "Traceback" not in err


def test_the_words_of_train_are_understood_too(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.txt").write_text("b a a\n")
    assert main(["data", "show", "a.txt", "data.tokens=spaces", "data.min_count=2", "data.max_words=5"]) == 0
    assert "vocabulary 5, unknown 33.3%" in capsys.readouterr().out


def test_a_table_that_speaks_of_no_images_is_shown_as_a_table(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pairs.tsv").write_text("de\ten\nein hund\ta dog\nein mann\ta man\n")
    assert main(["data", "show", "pairs.tsv"]) == 0
    out = capsys.readouterr().out
    assert "pairs.tsv: 2 rows, 2 columns" in out and "ein hund, ein mann" in out
