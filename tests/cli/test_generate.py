"""`chainrule generate` from a text to more of it, and one clear line for each mistake."""

import pytest

from chainrule.cli.main import main

TEXT = "".join(f"the {a} {b} on the mat.\n" for a in ("cat", "dog", "owl") for b in ("sat", "hid")) * 20


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    home = tmp_path_factory.mktemp("generate")
    (home / "verse.txt").write_text(TEXT)
    small = ["epochs=2", "batch_size=8", "model.width=16", "lr=1e-2", "data.steps=16", "threads=1", f"runs={home}/runs"]
    assert main(["train", "recurrent_lm", f"{home}/verse.txt", "name=letters", *small]) == 0
    words = ["name=words", "data.tokens=words", "model.num_layers=1", "data.normalise=lower"]
    assert main(["train", "transformer_lm", f"{home}/verse.txt", *words, *small]) == 0
    assert main(["train", "mlp", "digits", "epochs=1", "name=images", "model.hidden=(4,)", f"runs={home}/runs"]) == 0
    return home


@pytest.fixture
def said(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    monkeypatch.delenv("CHAINRULE_DATA", raising=False)

    def ask(*words: str, code: int = 0) -> str:
        assert main(list(words)) == code
        told = capsys.readouterr()
        assert "Traceback" not in told.err
        return told.err if code else told.out

    return ask


def test_a_text_goes_on_behind_what_was_given(said):
    out = said("generate", "letters", "the cat", "--tokens", "40")
    assert out.startswith("the cat") and len(out) == len("the cat") + 41
    assert out == said("generate", "letters", "the cat", "--tokens", "40", "--seed", "0")
    assert out != said("generate", "letters", "the cat", "--tokens", "40", "--seed", "1")
    sure = said("generate", "letters", "the cat", "--tokens", "40", "--greedy")
    assert sure == said("generate", "letters", "the cat", "--tokens", "40", "--top-k", "1", "--seed", "9")
    assert sure == said("generate", "letters", "the cat", "--tokens", "40", "--top-p", "1e-9", "--temperature", "0.1")
    assert said("generate", "letters", "--tokens", "3", "--weights", "last")


def test_words_are_read_as_the_run_reads_them(said):
    out = said("generate", "words", "The CAT zebra", "--tokens", "9", "--greedy")
    assert out.startswith("The CAT zebra ")  # one word is unknown, the others are not


def test_a_run_of_a_text_is_evaluated_on_other_texts_and_shown(said, folder):
    (folder / "other.txt").write_text("the owl sat on the mat.\n" * 5)
    out = said("evaluate", "letters", "other.txt")
    assert "bits_per_character" in out and "119" in out
    assert "unigram" in (folder / "runs" / "letters" / "report" / "report.md").read_text()
    assert "continues a text" in said("models", "recurrent_lm") and "recurrent_lm" in said("models")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["generate", "none", "a"], "none"),
        (
            ["generate", "images", "a"],
            "(classes, labels or numbers from images) cannot generate: use `chainrule predict",
        ),
        (["generate", "letters", "Über die Katze"], "has characters that run 'letters' never saw: 'Ü' 'b' 'r' 'K' 'z'"),
        (["generate", "words", "zebra crossing"], "the text, for run 'words': only unknown words"),
        (["generate", "letters", "a", "--temperature", "0"], "temperature=0.0: expected a number above 0"),
        (["generate", "letters", "a", "--temperature", "nan"], "temperature=nan: expected a number above 0"),
        (["generate", "letters", "a", "--top-p", "0"], "0 < top_p"),
        (["generate", "letters", "a", "--top-k", "-3"], "top_k=-3"),
        (["generate", "letters", "a", "--tokens", "0"], "0 is not in the range x>=1"),
        (
            ["generate", "letters", "a", "--greedy", "--top-k", "3"],
            "--greedy and --top-k: greedy decoding draws nothing",
        ),
        (["generate", "letters", "a", "--weights", "average"], "keeps no average"),
        (
            ["predict", "letters", "verse.txt"],
            "(texts to be continued) cannot predict: use `chainrule generate letters TEXT`",
        ),
        (["evaluate", "letters", "gone.txt"], "gone.txt"),
        (["train", "recurrent_lm", "gone.txt"], "gone.txt"),
        (["train", "recurrent_lm", "empty.txt"], "an empty file"),
        (
            ["train", "recurrent_lm", "verse.txt", "data.tokens=3", "data.steps=x"],
            "data.steps=x: expected a whole number",
        ),
        (["train", "recurrent_lm", "tinyshakespeare"], "tinyshakespeare is not on this machine: put input.txt ("),
        (["train", "recurrent_lm", "verse.txt", "data.language=en"], "data.language: recurrent_lm does not take it"),
        (["train", "recurrent_lm", "broken.txt"], "broken.txt line 2: byte 0xff is not UTF-8"),
        (["models", "recurrent_lm", "width=3", "cells=4"], "cells"),
    ],
)
def test_one_clear_line_for_each_mistake(said, folder, words, message, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (folder / "empty.txt").write_text("")
    (folder / "broken.txt").write_bytes("schön\nschön \xff\nschön".encode("latin-1").replace(b"\xf6", "ö".encode()))
    assert message in said(*words, code=2)
