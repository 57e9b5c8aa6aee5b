"""word2vec's two formats: what is written is read back, by gensim too; what is malformed is one line."""

import gzip

import numpy as np
import pytest

from chainrule.data.vector_files import read, write
from chainrule.errors import UserError

WORDS = ["the", "naïve", "猫"]
ROWS = np.random.default_rng(0).standard_normal((3, 5)).astype(np.float32)


@pytest.mark.parametrize("format", ["text", "binary"])
def test_every_number_is_read_back_as_it_was(tmp_path, format):
    write(tmp_path / "v", WORDS, ROWS, format)
    words, rows = read(tmp_path / "v")
    assert words == tuple(WORDS)
    assert np.array_equal(rows, ROWS)


@pytest.mark.parametrize("format", ["text", "binary"])
def test_gensim_and_we_read_each_other(tmp_path, format):
    models = pytest.importorskip("gensim.models", reason="gensim is not installed")
    write(tmp_path / "ours", WORDS, ROWS, format)
    theirs = models.KeyedVectors.load_word2vec_format(str(tmp_path / "ours"), binary=format == "binary")
    assert theirs.index_to_key == WORDS
    assert np.array_equal(theirs.vectors, ROWS)
    theirs.save_word2vec_format(str(tmp_path / "theirs"), binary=format == "binary")
    words, rows = read(tmp_path / "theirs")
    assert words == tuple(WORDS)
    np.testing.assert_allclose(rows, ROWS, rtol=1e-6)


def test_text_without_a_first_line_and_packed_text_are_read(tmp_path):
    (tmp_path / "glove.txt").write_text("a 1 2\nb 3 4\n")
    assert read(tmp_path / "glove.txt")[1].tolist() == [[1, 2], [3, 4]]
    (tmp_path / "v.gz").write_bytes(gzip.compress(b"2 1\na 1\nb 2\n"))
    assert read(tmp_path / "v.gz")[0] == ("a", "b")
    (tmp_path / "one.txt").write_text("a 1\nb 2\n")
    assert read(tmp_path / "one.txt")[1].tolist() == [[1], [2]]


def test_words_of_another_encoding_are_read_when_it_is_named(tmp_path):
    (tmp_path / "v").write_bytes("1 1\n猫 1\n".encode("gbk"))
    assert read(tmp_path / "v", "gbk")[0] == ("猫",)


BINARY = b"2 2\na " + np.float32([1, 2]).tobytes() + b"\nb " + np.float32([3, 4]).tobytes() + b"\n"
WRONG = {
    "empty": (b" \n", "the file is empty"),
    "too few words": (b"3 2\na 1 2\nb 3 4\n", "2 words, and its first line says 3; is it cut off?"),
    "too many words": (b"1 2\na 1 2\nb 3 4\n", "2 words, and its first line says 1"),
    "ragged": (b"2 2\na 1 2\nb 3\n", "line 3: 1 numbers behind 'b'; expected 2"),
    "ragged without a first line": (b"a 1 2 3\nb 3\n", "line 2: 1 numbers behind 'b'; expected 3"),
    "no number": (b"2 2\na 1 2\nb 3 four\n", "line 3: 'four' is not a number"),
    "nan": (b"2 2\na 1 2\nb nan 4\n", "the vector of 'b' holds nan or inf"),
    "twice": (b"2 2\na 1 2\na 3 4\n", "the word 'a' stands there twice"),
    "no words": (b"0 2\n", "line 1: 0 words of dimension 2; expected at least 1"),
    "a first line of words": (b"many words\n", "line 1: got 'many words'; expected how many words"),
    "a first line too large": (b"3000000 300\na 1 2\n", "3,000,000 words of dimension 300 do not fit into a file of"),
    "latin-1": (b"1 2\ncaf\xe9 1 2\n", "line 2: 'caf\\\\xe9' is not utf-8; name its encoding with --encoding"),
    "binary cut off": (BINARY[:-4], "ends within word 2 of 2"),
    "binary with more": (BINARY + b"c 1234", "bytes behind the last of 2 words"),
    "binary latin-1": (BINARY.replace(b"b ", b"\xe9 "), "word 2: '\\\\xe9' is not utf-8"),
    "a text": (b"once upon a time there was\n", "line 1: 'upon' is not a number"),
}


@pytest.mark.parametrize(("raw", "says"), WRONG.values(), ids=WRONG)
def test_a_malformed_file_is_one_line(tmp_path, raw, says):
    (tmp_path / "v").write_bytes(raw)
    with pytest.raises(UserError) as caught:
        read(tmp_path / "v")
    assert len(caught.value.lines) == 1
    assert says in str(caught.value)


def test_what_is_no_file_or_no_encoding_is_one_line(tmp_path):
    for name, raw in (("torn.xz", b"\xfd7zXZ\0rest"), ("torn.gz", gzip.compress(b"1 1\na 1\n")[:-9])):
        (tmp_path / name).write_bytes(raw)
        with pytest.raises(UserError, match="cannot be"):
            read(tmp_path / name)
    with pytest.raises(UserError, match="No such file"):
        read(tmp_path / "none")
    with pytest.raises(UserError, match="is a folder"):
        read(tmp_path)
    (tmp_path / "v").write_bytes(b"1 1\na 1\n")
    with pytest.raises(UserError, match="no such encoding"):
        read(tmp_path / "v", "utf-9")


def test_what_the_formats_cannot_hold_is_refused(tmp_path):
    with pytest.raises(UserError, match="'new york' is empty or holds a space"):
        write(tmp_path / "v", ["new york"], ROWS[:1])
    with pytest.raises(UserError, match="expected text or binary"):
        write(tmp_path / "v", ["a"], ROWS[:1], "json")
    assert not (tmp_path / "v").exists()
