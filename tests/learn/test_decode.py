"""Decoding against exhaustive search on small vocabularies, and what must not depend on the batch."""

import itertools
import math

import numpy as np
import pytest
import torch

from chainrule.data import counter
from chainrule.errors import UserError
from chainrule.learn.beam import _grown, beam_search, best_of
from chainrule.learn.decode import Chance, Hypothesis, Limits, Penalty, greedy, likeliest, reorder, sample
from chainrule.nn.shared import Shared

EOS, BOS = 2, 1
PENALTIES = [Penalty(), Penalty("gnmt", 0.6), Penalty("gnmt", 2.0), Penalty("power", 1.0), Penalty("power", 0.5)]


class Table:
    """A model whose next word depends on the sentence and on all that was said: tables of random numbers."""

    def __init__(self, words: int, sharp: float = 2.0):
        self.words, self.sharp = words, sharp

    def log_p(self, sentence: int, said: tuple[int, ...]) -> torch.Tensor:
        draw = torch.Generator().manual_seed(counter.key(sentence, *said) % 2**31)
        return (torch.randn(self.words, generator=draw, dtype=torch.float64) * self.sharp).log_softmax(0)

    def step(self, state, last):
        sentence, said = state
        said = torch.cat([said, last[:, None]], 1)
        rows = zip(sentence.tolist(), said.tolist(), strict=True)
        return torch.stack([self.log_p(i, tuple(words)) for i, words in rows]), (sentence, said)

    def start(self, sentences):
        return torch.tensor(sentences), torch.zeros(len(sentences), 0, dtype=torch.int64)


def firsts(n):
    return torch.full((n,), BOS)


def every(model, sentence, longest, never=()):
    """All sequences that end within `longest` tokens, with their log-probabilities."""
    others = [w for w in range(model.words) if w != EOS and w not in never]
    for n in range(longest):
        for words in itertools.product(others, repeat=n):
            said, total = (BOS,), 0.0
            for word in (*words, EOS):
                total += float(model.log_p(sentence, said)[word])
                said += (word,)
            yield words, total


@pytest.mark.parametrize("penalty", PENALTIES, ids=str)
@pytest.mark.parametrize("words", [3, 4])
def test_trap_10_a_wide_beam_is_exhaustive_search(penalty, words):
    model, longest = Table(words), 4
    found = beam_search(model.step, model.start(range(6)), firsts(6), Limits(longest), words**longest, penalty, nbest=3)
    for sentence, hypotheses in enumerate(found):
        ranked = sorted(((t / penalty(len(w) + 1), w, t) for w, t in every(model, sentence, longest)), reverse=True)
        for hypothesis, (score, tokens, total) in zip(hypotheses, ranked, strict=False):
            assert hypothesis.tokens == tokens
            assert hypothesis.score == pytest.approx(score, abs=1e-12)
            assert hypothesis.log_prob == pytest.approx(total, abs=1e-12)
            assert hypothesis.finished
            assert hypothesis.penalty == str(penalty)


@pytest.mark.parametrize("penalty", PENALTIES, ids=str)
def test_trap_10_a_beam_of_one_is_greedy_exactly(penalty):
    model = Table(7, sharp=1.0)
    plain = greedy(model.step, model.start(range(30)), firsts(30), Limits(9))
    for one, (found,) in zip(
        plain, beam_search(model.step, model.start(range(30)), firsts(30), Limits(9), 1, penalty), strict=True
    ):
        assert found.tokens == one.tokens
        assert found.log_prob == one.log_prob
        assert found.finished == one.finished
    assert {h.finished for h in plain} == {True, False}


@pytest.mark.parametrize("beam", [2, 5])
def test_trap_10_what_is_found_does_not_depend_on_the_batch(beam):
    model, penalty = Table(6), Penalty("gnmt", 1.0)
    together = beam_search(model.step, model.start(range(9)), firsts(9), Limits(8), beam, penalty, nbest=2)
    for i in range(9):
        alone = beam_search(model.step, model.start([i]), firsts(1), Limits(8), beam, penalty, nbest=2)
        assert alone[0] == together[i]


def test_trap_10_a_live_hypothesis_that_can_still_win_is_followed():
    """<EOS> at once has log 0.5; a, b, <EOS> has log 0.49 and wins as soon as length counts."""
    rows = {(): {EOS: 0.5, 3: 0.499}, (3,): {4: 0.995}, (3, 4): {EOS: 0.995}}

    def step(state, last):
        said = torch.cat([state, last[:, None]], 1)
        p = torch.full((len(last), 5), 1e-9, dtype=torch.float64)
        for row, words in zip(p, said[:, 1:].tolist(), strict=True):
            for word, share in rows.get(tuple(words), {}).items():
                row[word] = share
        return p.log(), said

    start = torch.zeros(1, 0, dtype=torch.int64)
    plain = beam_search(step, start, firsts(1), Limits(6), 2)
    assert plain[0][0].tokens == ()
    long = beam_search(step, start, firsts(1), Limits(6), 2, Penalty("power", 1.0))
    assert long[0][0].tokens == (3, 4)
    assert long[0][0].score == pytest.approx(math.log(0.499 * 0.995 * 0.995) / 3)  # three tokens: <EOS> counts once


def test_trap_10_a_search_ends_when_nothing_alive_can_win():
    calls = []

    def step(state, last):
        calls.append(len(last))
        p = torch.full((len(last), 4), 0.01, dtype=torch.float64)
        p[:, EOS] = 0.97
        return p.log(), state

    assert beam_search(step, None, firsts(3), Limits(50), 3)[0][0].tokens == ()
    assert calls == [9]


def test_beams_without_an_end_are_cut_and_say_so():
    def step(state, last):
        p = torch.tensor([[0.1, 0.2, 0.0, 0.7]], dtype=torch.float64).expand(len(last), 4)
        return p.log(), state

    (found,) = beam_search(step, None, firsts(1), Limits(3), 2, nbest=2)
    assert found[0].tokens == (3, 3, 3)
    assert sorted(found[1].tokens) == [1, 3, 3]
    assert not any(h.finished for h in found)
    assert greedy(step, None, firsts(1), Limits(3))[0] == Hypothesis((3,) * 3, found[0].log_prob, found[0].score, False)


def test_what_is_never_said():
    model, limits = Table(5), Limits(4, never=(0, 1))
    for sentence, (found,) in enumerate(
        beam_search(model.step, model.start(range(5)), firsts(5), limits, 200, Penalty("gnmt", 1.0))
    ):
        best = max(every(model, sentence, 4, (0, 1)), key=lambda told: told[1] / Penalty("gnmt", 1.0)(len(told[0]) + 1))
        assert found.tokens == best[0]
    said = sample(model.step, model.start(range(50)), firsts(50), limits)
    assert not {0, 1, EOS} & {token for h in said for token in h.tokens}


def test_the_first_of_equals_wins():
    equal = torch.zeros(2, 6)
    assert best_of(equal, 3)[1].tolist() == [[0, 1, 2]] * 2
    assert best_of(torch.tensor([[1.0, 5, 5, 0]]), 1)[1].tolist() == [[1]]
    values, places = best_of(torch.tensor([[1.0]]), 2)
    assert values.tolist() == [[1.0, -math.inf]]
    assert places[0, 0] == 0


def test_trap_10_penalties():
    assert Penalty("gnmt", 0.6)(7) == pytest.approx(2**0.6)
    assert Penalty("power", 1.0)(7) == 7
    assert Penalty()(7) == 1
    assert str(Penalty("gnmt", 0.6)) == "gnmt 0.6"


# ---- by chance ------------------------------------------------------------------------------------------------------


def test_drawn_tokens_have_their_probabilities():
    p = torch.tensor([0.5, 0.3, 0.0, 0.2], dtype=torch.float64)
    drawn = sample(lambda s, last: (p.log().expand(len(last), 4), s), None, firsts(6000), Limits(1))
    shares = np.bincount([h.tokens[0] for h in drawn], minlength=4) / 6000
    assert np.abs(shares - p.numpy()).max() < 4 * math.sqrt(0.25 / 6000)
    assert shares[2] == 0


def test_what_is_drawn_belongs_to_the_seed_and_the_sentence():
    model = Table(8, sharp=0.5)
    together = sample(model.step, model.start(range(10)), firsts(10), Limits(12), Chance(seed=3))
    again = sample(model.step, model.start(range(4, 10)), firsts(6), Limits(12), Chance(seed=3, start=4))
    assert together[4:] == again
    assert together != sample(model.step, model.start(range(10)), firsts(10), Limits(12), Chance(seed=4))
    assert len({h.tokens for h in together}) > 5


def test_cold_and_narrow_draws_are_greedy():
    model = Table(8)
    plain = [h.tokens for h in greedy(model.step, model.start(range(10)), firsts(10), Limits(9))]
    for chance in (Chance(temperature=1e-3), Chance(top_k=1), Chance(top_p=1e-6)):
        drawn = sample(model.step, model.start(range(10)), firsts(10), Limits(9), chance)
        assert [h.tokens for h in drawn] == plain


def test_the_likeliest():
    log_p = torch.tensor([[0.1, 0.4, 0.3, 0.2]], dtype=torch.float64).log()
    kept = [
        likeliest(log_p, top_k=2).exp()[0].tolist(),
        likeliest(log_p, top_p=0.5).exp()[0].tolist(),
        likeliest(log_p, top_p=0.8).exp()[0].tolist(),
        likeliest(log_p, top_k=99, top_p=1.0).exp()[0].tolist(),
    ]
    for got, places in zip(kept, [[1, 2], [1, 2], [1, 2, 3], [0, 1, 2, 3]], strict=True):
        assert [i for i, share in enumerate(got) if share] == places


def test_states_are_nests():
    state = {"a": [torch.arange(3), (torch.arange(6).reshape(3, 2),)], "b": None, "n": 5}
    turned = reorder(state, torch.tensor([2, 0]))
    assert turned["a"][0].tolist() == [2, 0]
    assert turned["a"][1][0].tolist() == [[4, 5], [0, 1]]
    assert (turned["b"], turned["n"]) == (None, 5)


def test_what_hypotheses_share_goes_with_the_sentence():
    state = {"h": torch.arange(4), "source": Shared(keys=torch.arange(2), mask=None)}
    rows = torch.tensor([3, 2])
    assert reorder(state, rows)["source"]["keys"].tolist() == [0, 1]
    left = reorder(state, rows, torch.tensor([1]))
    assert left["h"].tolist() == [3, 2] and left["source"]["keys"].tolist() == [1]
    assert isinstance(left["source"], Shared) and left["source"]["mask"] is None


@pytest.mark.parametrize("never", [(), (0, 3)])
def test_the_best_of_all_are_among_the_best_of_each(never):
    """Of rounded numbers, so that many are equal: the first of equals is taken, as if all had been ordered."""
    draw, words, beam = torch.Generator().manual_seed(0), 7, 3
    for _ in range(50):
        log_p = torch.randint(-4, 0, (2 * beam, words), generator=draw).float()
        total = torch.randint(-2, 0, (2, beam), generator=draw).double()
        total[0, 1:] = -math.inf
        hidden = torch.tensor(never).long()
        ahead = total.flatten()[:, None] + log_p.double().index_fill(1, hidden, -math.inf)
        values, places = ahead.view(2, -1).sort(dim=1, descending=True, stable=True)
        likeliest_of_each = [x.numpy() for x in best_of(log_p.double(), min(beam + len(never), words))]
        found, origin, token = map(torch.from_numpy, _grown(total.numpy(), *likeliest_of_each, never))
        assert torch.equal(found, values[:, :beam])
        live = found > -math.inf
        assert torch.equal((origin * words + token)[live], places[:, :beam][live])
        assert token.max() < words


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Limits(0), "max_length=0"),
        (lambda: Penalty("gmnt", 1.0), "did you mean gnmt"),
        (lambda: Penalty("gnmt", -1.0), "alpha=-1.0"),
        (lambda: Chance(temperature=0), "greedy decoding draws nothing"),
        (lambda: Chance(top_k=-1), "top_k=-1"),
        (lambda: Chance(top_p=0.0), "top_p=0.0"),
        (lambda: beam_search(None, None, firsts(1), beam=0), "beam=0"),
        (lambda: beam_search(None, None, firsts(1), beam=2, nbest=3), "nbest=3"),
    ],
)
def test_what_cannot_be_decoded(make, message):
    with pytest.raises(UserError, match=message):
        make()
