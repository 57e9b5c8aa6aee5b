"""A text becomes ids: in pieces, in any encoding; what is drawn from it has the distribution it should have."""

import bz2
import gzip
import lzma

import numpy as np
import pytest

from chainrule.data import corpus
from chainrule.data.corpus import LINE, read
from chainrule.data.counter import key
from chainrule.data.huffman import huffman
from chainrule.data.windows import Sampler, alias_table, kept
from chainrule.errors import UserError

TEXT = "the cat saw the dog\r\nthe dog saw\n\nthe cat ran"


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text(TEXT, newline="")
    return path


def test_words_are_counted_and_numbered_frequent_first(text):
    found = read(text, min_count=2)
    assert found.vocabulary.words == ("the", "cat", "saw", "dog")
    assert found.vocabulary.counts == (4, 2, 2, 2)
    assert found.ids.tolist() == [0, 1, 2, 0, 3, LINE, 0, 3, 2, LINE, LINE, 0, 1, LINE]
    assert found.words == 11
    assert read(text, 1, max_words=2).vocabulary.words == ("the", "cat")


@pytest.mark.parametrize(("suffix", "pack"), [(".gz", gzip.compress), (".xz", lzma.compress), (".bz2", bz2.compress)])
def test_packed_texts_are_read_as_they_are(text, tmp_path, suffix, pack):
    packed = tmp_path / f"packed{suffix}"
    packed.write_bytes(pack(text.read_bytes()))
    ours, theirs = read(packed, 2), read(text, 2)
    assert ours.ids.tolist() == theirs.ids.tolist()
    assert ours.fingerprint == theirs.fingerprint


@pytest.mark.parametrize("piece", [1, 2, 3, 7])
def test_pieces_cut_neither_a_word_nor_a_letter(tmp_path, monkeypatch, piece):
    path = tmp_path / "text"
    path.write_text("naïve 猫 naïve 狗\n猫 naïve", encoding="utf-8-sig")
    whole = read(path, 1)
    monkeypatch.setattr(corpus, "_PIECE", piece)
    again = read(path, 1)
    assert again.vocabulary.words == ("naïve", "猫", "狗")
    assert again.ids.tolist() == whole.ids.tolist() == [0, 1, 0, 2, LINE, 1, 0, LINE]


def test_capitals_and_other_encodings(tmp_path):
    path = tmp_path / "text"
    path.write_bytes("猫 Dog 猫 dog".encode("gbk"))
    assert read(path, 2, lower=True, encoding="gbk").vocabulary.words == ("猫", "dog")


@pytest.mark.parametrize(
    ("name", "raw", "options", "says"),
    [
        ("empty", b"", {}, "of its 0 words 0 occur 5 times or more"),
        ("short", b"one two three", {}, "of its 3 words 0 occur 5 times or more; expected at least two"),
        ("latin", "caf\u00e9 ".encode("latin-1") * 9, {}, "byte 3 or near it is not utf-8; name its encoding"),
        ("word", b"a b", {"encoding": "utf-9"}, "model.encoding=utf-9: no such encoding"),
        ("torn.xz", lzma.compress(b"a b " * 99)[:-20], {}, "cannot be read"),
        ("torn.gz", gzip.compress(b"a b " * 99, mtime=0)[:-12], {}, "cannot be read"),
        ("no.gz", b"plain", {}, "cannot be read (Not a gzipped file"),
    ],
)
def test_a_text_that_cannot_be_used_is_one_line(tmp_path, name, raw, options, says):
    (tmp_path / name).write_bytes(raw)
    with pytest.raises(UserError) as caught:
        read(tmp_path / name, **options)
    assert len(caught.value.lines) == 1
    assert says in str(caught.value)


def test_a_folder_or_nothing_is_one_line(tmp_path):
    with pytest.raises(UserError, match="is a folder: expected a text file"):
        read(tmp_path)
    with pytest.raises(UserError, match="No such file"):
        read(tmp_path / "none")


# ---- what is drawn --------------------------------------------------------------------------------------------------


def test_trap_14_frequent_words_are_left_out_before_windows_are_made():
    ids = np.array([0, 1, 0, 0, 2, 0, 0, 3] * 40, np.int32)
    sampler = Sampler(np.array([0.0, 1.0, 1.0, 1.0]), *alias_table(np.ones(4)), window=1, negative=1)
    windows = sampler.draw(ids, 0, len(ids), key(0, 0))
    assert 0 not in windows.word
    assert set(windows.neighbours[windows.near].tolist()) == {1, 2, 3}
    assert windows.near[1:-1].all()  # the next word that stays is a neighbour, however far it was


def test_trap_14_a_window_reaches_from_1_to_w_all_as_often():
    ids = np.tile(np.arange(50, dtype=np.int32), 200)
    windows = Sampler.of([200] * 50, 0.0, 4, 1).draw(ids, 4, len(ids) - 4, key(3, 1))
    reach = windows.near.sum(1) // 2
    counts = np.bincount(reach, minlength=5)
    assert counts[0] == 0
    assert np.abs(counts[1:] / len(reach) - 0.25).max() < 0.02


def test_trap_14_negatives_are_drawn_by_count_to_the_three_quarters():
    counts = np.array([4000, 900, 90, 10])
    ids = np.tile(np.array([0, 1, 2, 3], np.int32), 5000)
    drawn = Sampler.of(counts.tolist(), 0.0, 1, 5).draw(ids, 0, len(ids), key(5)).drawn
    share = counts**0.75 / (counts**0.75).sum()
    assert np.abs(np.bincount(drawn.ravel(), minlength=4) / drawn.size - share).max() < 0.005


def test_words_stay_as_often_as_said():
    assert kept([9_999, 1], 1e-4).tolist() == pytest.approx([0.0101, 1.0], rel=1e-3)
    ids = np.zeros(200_000, np.int32)
    windows = Sampler.of([1000, 1], 0.01, 2, 1).draw(ids, 0, len(ids), key(1))
    assert len(windows.word) / len(ids) == pytest.approx(kept([1000, 1], 0.01)[0], rel=0.02)


def test_a_stretch_is_the_same_however_it_is_cut():
    rng = np.random.default_rng(1)
    ids = rng.integers(-1, 9, 900).astype(np.int32)
    sampler = Sampler.of([300] * 9, 0.02, 5, 3)
    whole = sampler.draw(ids, 0, 900, key(2))
    parts = [sampler.draw(ids, i, min(i + 77, 900), key(2)) for i in range(0, 900, 77)]
    for name in ("word", "neighbours", "near", "drawn", "place"):
        assert np.array_equal(np.concatenate([getattr(p, name) for p in parts]), getattr(whole, name))


def test_the_alias_table_is_the_distribution():
    weights = np.random.default_rng(0).random(37)
    threshold, alias = alias_table(weights)
    inside = threshold - np.arange(37)
    share = inside + np.bincount(alias, 1 - inside, minlength=37)
    assert share / 37 == pytest.approx(weights / weights.sum())


def test_huffman_paths_are_a_code_without_prefixes_and_the_shortest():
    counts = [40, 20, 20, 10, 5, 5]
    tree = huffman(counts)
    lengths = np.diff(tree.paths)
    assert sum(2.0 ** -int(n) for n in lengths) == 1
    assert (lengths * counts).sum() == 230  # by hand: 40·1 + 20·3 + 20·3 + 10·3 + 5·4 + 5·4
    ways = [tuple(tree.turns[a:b]) for a, b in zip(tree.paths, tree.paths[1:], strict=False)]
    assert len(set(ways)) == len(counts)
