"""One language of a translation: schemes, joints, vocabularies."""

import pytest
import torch

from chainrule.data.text.part import PairsFeed, Part, Sampling
from chainrule.data.text.side import JOINT, Pieces, Side, joined, learn, parted
from chainrule.errors import UserError

TEXTS = ['He said: "stop!"', "a t-shirt, blue  and red.", "(x)_y", "你好，世界。", "“No…” – she left", "5.5 %"]


@pytest.mark.parametrize("text", TEXTS)
def test_joined_text_comes_back(text):
    assert parted(joined(text)) == " ".join(text.split())
    assert Pieces(learn(TEXTS, 20, False)).detokenize(Pieces(learn(TEXTS, 20, False)).tokenize(text)) == " ".join(
        text.split()
    )


def test_a_joint_in_a_text_is_no_joint():
    assert parted(joined(f"a{JOINT}b")) == "a b"


@pytest.mark.parametrize("tokens", ["words", "spaces", "chars", "characters", "chinese", "bpe"])
def test_every_scheme_says_what_it_read(tokens):
    texts = ["Ein Mann läuft.", "Ein Hund schläft."]
    side = Side.of("de", tokens, texts, merges=learn(texts, 10, False) if tokens == "bpe" else ())
    assert [side.text(side.ids(text)) for text in texts] == texts
    assert side.spaced == (tokens == "spaces")


def test_merges_of_a_file_are_kept_by_the_side(tmp_path):
    codes = tmp_path / "codes"
    codes.write_text("#version: 0.2\na b</w>\n")
    side = Side.of("x", f"bpe:{codes}", ["ab ab c"])
    codes.unlink()
    again = Side(side.name, side.tokens, side.words, side.merges)
    assert again.cut("ab") == ["ab</w>"] and again.spaced


def test_case_vocabulary_size_and_unknown_words():
    side = Side.of("en", "words", ["A dog", "a Dog", "a cat"], lower=True, min_freq=2)
    assert side.words.tokens[4:] == ("a", "dog") and side.ids("A cat") == [4, 3]
    assert len(Side.of("en", "words", ["a b c d"], size=6).words) == 6
    with pytest.raises(UserError, match=r"tokens=word: unknown: expected words.*did you mean words"):
        Side.of("en", "word", ["a"])


def part(count=50):
    side = Side.of("x", "chars", ["abcdefgh"])
    texts = [("a" * (1 + i % 7), "b" * (1 + i % 5)) for i in range(count)]
    return Part.of(texts, side, side)


def test_trap_03_batches_are_shuffled_within_a_budget_and_every_pair_comes_once():
    feed = PairsFeed(part(), seed=3, max_tokens=24, batch_size=6)
    for epoch in (0, 1, 2):
        seen = []
        for update in range(feed.updates):
            ((source, mask, said), target) = feed.at(epoch * feed.updates + update)[0]
            assert source.numel() <= 24 and target.numel() <= 24 and len(source) <= 6
            assert mask.equal(source != 0) and said.shape == target.shape
            seen.append(len(source))
        assert sum(seen) == 50
    first, second = ([feed.at(start + i)[0][1].tolist() for i in range(feed.updates)] for start in (0, feed.updates))
    assert first != second and feed.updates > 5


def test_a_step_is_reached_at_once_and_sampling_is_a_function_of_seed_and_step():
    one, other = (PairsFeed(part(), 1, 40, 8, sampling=Sampling(0.5, 2)) for _ in range(2))
    for step in (7, 30):
        for (x, y), (v, w) in zip(one.at(step), other.at(step), strict=True):
            assert y.equal(w) and all(a.equal(b) for a, b in zip(x, v, strict=True))
    (_, _, _, own), target = one.at(5 * one.updates + 1)[0]
    assert own.shape == target.shape and own.dtype == torch.bool
    shares = [float(x[3].float().mean()) for i in range(4 * one.updates, 6 * one.updates) for x, _ in one.at(i)]
    assert 0.4 < sum(shares) / len(shares) < 0.6
    assert len(one.at(0)[0][0]) == 3  # it begins with the teacher's words alone


def test_accumulated_batches_and_what_is_too_long():
    feed = PairsFeed(part(), 0, 40, 8, accumulate=3)
    assert sum(len(feed.at(i)) for i in range(feed.updates)) == feed.batches
    assert len(part().within(3)) < 50 and part().within(3).lengths.max() <= 4
    order = [int(i) for rows, _ in part().in_order(30) for i in rows]
    assert sorted(order) == list(range(50))
    with pytest.raises(UserError, match="expected at most max_tokens=5"):
        PairsFeed(part(), 0, 5, 8)
