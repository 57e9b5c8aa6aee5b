"""A text in its parts: nothing shuffled, nothing lost, nothing learned from what is held out."""

import numpy as np
import pytest

from chainrule.data.language import Reader, Ways, cut, load, pieces
from chainrule.data.ngrams import NGrams
from chainrule.data.text.vocabulary import EOS, NUL, Vocabulary
from chainrule.errors import UserError


@pytest.fixture
def text(tmp_path):
    def write(what: str, name: str = "text.txt", encoding: str = "utf-8") -> str:
        (tmp_path / name).write_bytes(what.encode(encoding))
        return str(tmp_path / name)

    return write


def test_parts_follow_each_other_and_are_the_whole_text(text):
    what = "".join("\n" if i % 10 == 9 else chr(97 + i % 26) for i in range(1000)) + "\n"
    data = load(text(what), Ways(test=0.2), val=0.25)
    assert [len(p) for p in (data.train, data.val, data.test)] == [600, 200, 201]
    told = "".join(data.reader.text(p.ids) for p in (data.train, data.val, data.test))
    assert told == what and data.train.characters == 600


@pytest.mark.parametrize("tokens", ["words", "bpe", "spaces"])
def test_words_are_cut_at_the_ends_of_lines_and_these_are_tokens(text, tokens):
    lines = [f"line {i % 7} of some words\n" for i in range(100)]
    data = load(text("".join(lines)), Ways(tokens=tokens, test=0.1, merges=20), val=0.1)
    parts = data.train, data.val, data.test
    assert sum(int((p.ids == EOS).sum()) for p in parts) == 100
    assert all(p.ids[-1] == EOS for p in parts)
    assert "".join(data.reader.text(p.ids) for p in parts) == "".join(lines)


def test_what_is_held_out_is_not_in_the_vocabulary(text):
    data = load(text("ab" * 450 + "z" * 100), Ways(test=0.1), val=0)
    assert data.val is None and "z" not in data.vocabulary
    assert data.test.unknown > 0.9 and data.train.unknown == 0


def test_rare_tokens_and_a_small_vocabulary(text):
    words = text("a a a b b c\n" * 3 + "d\n" + "a\n" * 3)
    assert load(words, Ways(tokens="words", min_count=2, test=0), 0).vocabulary.tokens[4:] == ("a", "b", "c")
    assert load(words, Ways(tokens="words", max_words=6, test=0), 0).vocabulary.tokens[4:] == ("a", "b")


def test_merges_stay_with_the_text_even_where_they_come_from_a_file(text, tmp_path):
    learned = load(text("lower lowest\n" * 40), Ways(tokens="bpe", merges=3, test=0), 0)
    (tmp_path / "codes").write_text("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in learned.merges))
    read = load(text("lower lowest\n" * 40), Ways(tokens=f"bpe:{tmp_path / 'codes'}", test=0), 0)
    assert read.merges == learned.merges and read.ways.tokens == "bpe"
    assert np.array_equal(read.train.ids, learned.train.ids)


def test_encodings_ends_of_lines_and_letters(text):
    for encoding in ("utf-8", "utf-8-sig", "gbk", "utf-16"):
        data = load(text("春眠不觉晓\r\n处处闻啼鸟\r\n" * 5, encoding=encoding), Ways(test=0), 0)
        assert data.reader.text(data.train.ids) == "春眠不觉晓\n处处闻啼鸟\n" * 5, encoding
    assert load(text("AbC" * 9), Ways(normalise="lower", test=0), 0).vocabulary.tokens[4:] == ("a", "b", "c", "\n")


def test_a_folder_is_its_texts_one_after_the_other(text, tmp_path):
    text("second\n", "b.txt"), text("first\n", "a.txt"), text("no text", "c.md")
    data = load(str(tmp_path), Ways(test=0), 0)
    assert data.reader.text(data.train.ids) == "first\nsecond\n"


def test_a_line_of_any_length_is_cut_into_words_at_blanks(text):
    words = " ".join(f"word{i}" for i in range(30_000))
    assert "".join(piece for piece, _ in pieces(words)) == words and len(list(pieces(words))) == 5
    assert sum(ends for _, ends in pieces(words + "\nshort\n")) == 2
    data = load(text(words), Ways(tokens="words", test=0), 0)
    assert len(data.train) == 30_001 and data.train.unknown == 0


def test_characters_of_any_plane(text):
    reader = Reader("characters", Vocabulary.build(["a𝕏字"]))
    assert reader.text(reader.ids("字a𝕏")) == "字a𝕏" and reader.ids("é😀").tolist() == [NUL, NUL]
    assert len(reader.ids("")) == 0


def test_the_real_text_has_nanogpts_split(shared_data, monkeypatch):
    monkeypatch.setenv("CHAINRULE_DATA", str(shared_data))
    data = load("tinyshakespeare", Ways(test=0), 0.1)
    assert (len(data.train), len(data.val), len(data.vocabulary)) == (1_003_854, 111_540, 69)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"steps": 0}, "data.steps=0: expected a whole number of at least 1"),
        ({"steps": True}, "data.steps=True: expected a whole number"),
        ({"max_words": 3}, "data.max_words=3: expected more than 4, or 0 for all"),
        ({"test": 1}, "data.test=1: expected a share"),
        ({"test": "x"}, "data.test=x: expected a share"),
        ({"normalise": 1}, "data.normalise=1: expected a name"),
        ({"normalise": "lover"}, "did you mean lower"),
        ({"encoding": 8}, "data.encoding=8: expected a name, as utf-8"),
        ({"tokens": 3}, "data.tokens=3: expected a name, as characters"),
        ({"merges": 5}, "data.merges=5: only data.tokens=bpe takes it"),
    ],
)
def test_ways_that_cannot_be(given, message):
    with pytest.raises(UserError, match=message):
        Ways.of(given)


def test_all_that_is_wrong_is_said_at_once():
    with pytest.raises(UserError) as caught:
        Ways.of({"steps": 0, "test": -1, "encoding": 1})
    assert len(caught.value.lines) == 3


@pytest.mark.parametrize("end", ["", "\n", "\nlast words\n"])
def test_one_line_of_a_million_characters_is_cut_at_a_blank(end):
    text = "word " * 250_000 + end
    parts = cut(text, Ways(tokens="words"), 0.1)
    assert "".join(part or "" for part in parts) == text
    assert [round(len(part or "") / len(text), 3) for part in parts] == [0.81, 0.09, 0.1]
    assert all((part or "").startswith("word ") for part in parts)


def test_parts_that_would_be_empty():
    with pytest.raises(UserError, match="a text of 2 characters: the training part is empty"):
        cut("ab", Ways(test=0.9), 0)
    with pytest.raises(UserError, match=r"the part of val=0.5 is empty"):
        cut("ab\n\n", Ways(test=0.0), 0.5)
    with pytest.raises(UserError, match=r"the part of data.test=0.1 is empty"):
        cut("one line of words\n", Ways(tokens="words"), 0)


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_shares_of_a_counted_model_sum_to_one_behind_any_context(order):
    rng = np.random.default_rng(0)
    model = NGrams(rng.integers(4, 9, 300), size=10, order=order)
    for context in ([4, 5, 6, 7], [9, 9, 9, 9], [4, 9, 4, 5]):
        shares = [np.exp(model.log_p(np.array([*context, w]))[-1]) for w in range(10)]
        assert sum(shares) == pytest.approx(1, abs=1e-12) and min(shares) > 0


def test_a_counted_model_by_hand():
    """ "4 5 4 5 4 6": pairs 45 ×2, 54 ×2, 46 ×1; one of them stands once, two twice: D = 1/(1 + 2·2)."""
    model = NGrams(np.array([4, 5, 4, 5, 4, 6]), size=8, order=2)
    pairs, singles = model.levels[1].discount, model.levels[0].discount
    assert pairs == pytest.approx(1 / 5) and singles == 0.5  # behind one different token each: none stands twice
    uniform = 1 / 8
    lower = (1 - singles) / 3 + singles * 3 / 3 * uniform
    assert np.exp(model.log_p(np.array([4, 5]))[-1]) == pytest.approx((2 - pairs) / 3 + pairs * 2 / 3 * lower)
    assert np.exp(model.log_p(np.array([5, 6]))[-1]) == pytest.approx(pairs * 1 / 2 * lower)


def test_an_order_that_cannot_be_is_lowered_or_refused():
    assert NGrams(np.arange(4, 100), size=30_000, order=6).order == 4
    with pytest.raises(UserError, match="order=3, a text of 2 tokens"):
        NGrams(np.array([4, 5]), size=9, order=3)
