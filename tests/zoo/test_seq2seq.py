"""Translators behind one interface: what padding, teacher forcing and the end of a sentence must be."""

import math

import pytest
import torch

from chainrule.data.text import pad, pair, target_tokens
from chainrule.errors import UserError
from chainrule.learn.beam import beam_search
from chainrule.learn.decode import Limits, Penalty, greedy, reorder
from chainrule.zoo.seq2seq import AttentionSeq2Seq, RecurrentSeq2Seq
from chainrule.zoo.transformer_seq2seq import TransformerSeq2Seq
from chainrule.zoo.word_output import BOS, PAD, word_loss

MODELS = {
    "plain rnn": lambda **o: RecurrentSeq2Seq(12, 10, 8, kind="rnn", **o),
    "plain lstm": lambda **o: RecurrentSeq2Seq(12, 10, 8, 2, "lstm", **o),
    "plain gru": lambda **o: RecurrentSeq2Seq(12, 10, 8, kind="gru", **o),
    "the notes": lambda **o: AttentionSeq2Seq(12, 10, 8, "rnn", bidirectional=False, **o),
    "attention gru": lambda **o: AttentionSeq2Seq(12, 10, 8, "gru", **o),
    "attention lstm": lambda **o: AttentionSeq2Seq(12, 10, 8, "lstm", **o),
    "transformer": lambda **o: TransformerSeq2Seq(12, 10, 8, 2, 2, **{"dropout": 0.0, **o}),
    "transformer pre": lambda **o: TransformerSeq2Seq(12, 10, 8, 2, 2, norm_first=True, **{"dropout": 0.0, **o}),
}
LOOKING = [name for name in MODELS if not name.startswith("plain")]
SOURCES = [[4, 5, 6, 7, 8], [9, 10], [11, 4, 5]]
TARGETS = [[4, 5], [6, 7, 8, 9], [5]]
every = pytest.mark.parametrize("name", MODELS)


def made(name: str, **options) -> torch.nn.Module:
    torch.manual_seed(1)
    return MODELS[name](**options).double().eval()


@every
def test_trap_01_trap_02_E63_a_sentence_alone_or_in_a_batch_is_translated_alike(name):
    model, batch = made(name), pair(SOURCES, TARGETS)
    together = model(batch.source.tokens, batch.source.mask, batch.input)
    for i, (source, target) in enumerate(zip(SOURCES, TARGETS, strict=True)):
        one = pair([source], [target])
        alone = model(one.source.tokens, one.source.mask, one.input)
        torch.testing.assert_close(together[i, : len(target) + 1], alone[0], rtol=1e-11, atol=1e-11)


@every
def test_trap_01_padding_has_no_gradient(name):
    model, batch = made(name), pair(SOURCES, TARGETS)
    scores = model(batch.source.tokens, batch.source.mask, batch.input)
    word_loss(scores, batch.target, 0.1).backward()
    tables = [m for m in model.modules() if isinstance(m, torch.nn.Embedding)]
    assert len(tables) == 2
    for table in tables:
        assert (table.weight[PAD] == 0).all()
        assert (table.weight.grad[PAD] == 0).all()
        assert table.weight.grad[4].abs().sum() > 0


@every
def test_E70_E73_step_by_step_is_teacher_forcing(name):
    """s_t comes from y_{t−1}, not y_{t+1} from y_t: feeding the same words one by one gives the same shares."""
    model, batch = made(name), pair(SOURCES, TARGETS)
    whole = model(batch.source.tokens, batch.source.mask, batch.input).log_softmax(-1)
    state = model.start(batch.source.tokens, batch.source.mask)
    for t in range(batch.input.shape[1]):
        log_p, state = model.step(state, batch.input[:, t])
        torch.testing.assert_close(log_p, whole[:, t], rtol=1e-11, atol=1e-11)


@every
def test_E75_shares_are_conditional_on_what_was_said_before_only(name):
    model, batch = made(name), pair(SOURCES, TARGETS)
    p = model(batch.source.tokens, batch.source.mask, batch.input).softmax(-1)
    torch.testing.assert_close(p.sum(-1), torch.ones_like(p[..., 0]))
    later = batch.input.clone()
    later[:, 2:] = 3
    again = model(batch.source.tokens, batch.source.mask, later).softmax(-1)
    torch.testing.assert_close(again[:, :2], p[:, :2], rtol=1e-11, atol=1e-11)


@every
def test_trap_04_E77_accumulated_gradients_are_those_of_one_batch(name):
    model, whole = made(name), pair(SOURCES, TARGETS)
    parts = [pair(SOURCES[:1], TARGETS[:1]), pair(SOURCES[1:], TARGETS[1:])]
    loss = word_loss(model(whole.source.tokens, whole.source.mask, whole.input), whole.target)
    wanted = torch.autograd.grad(loss, list(model.parameters()))
    tokens = target_tokens(part.target for part in parts)
    assert tokens == whole.tokens
    for part in parts:
        scores = model(part.source.tokens, part.source.mask, part.input)
        (word_loss(scores, part.target, reduction="sum") / tokens).backward()
    for parameter, gradient in zip(model.parameters(), wanted, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-9, atol=1e-11)


@every
def test_beam_search_does_not_depend_on_the_batch_and_a_beam_of_one_is_greedy(name):
    model, batch, limits = made(name), pad(SOURCES), Limits(8, never=(PAD, BOS))
    first = torch.full((3,), BOS)
    with torch.no_grad():
        state = model.start(batch.tokens, batch.mask)
        plain = greedy(model.step, state, first, limits)
        narrow = beam_search(model.step, state, first, limits, 1, Penalty("gnmt", 0.6))
        wide = beam_search(model.step, state, first, limits, 4, Penalty("gnmt", 0.6))
        assert [h.tokens for h in plain] == [found[0].tokens for found in narrow]
        for i, source in enumerate(SOURCES):
            one = pad([source])
            alone = beam_search(
                model.step, model.start(one.tokens, one.mask), first[:1], limits, 4, Penalty("gnmt", 0.6)
            )
            assert alone[0][0].tokens == wide[i][0].tokens
            assert alone[0][0].score == pytest.approx(wide[i][0].score, abs=1e-10)


@pytest.mark.parametrize("name", LOOKING)
def test_hypotheses_of_a_sentence_look_at_its_source_as_if_each_had_its_own(name):
    model, batch = made(name), pad(SOURCES)
    state, rows = model.start(batch.tokens, batch.mask), torch.arange(3).repeat_interleave(2)
    together, alone = reorder(state, rows), reorder(state, rows, rows)
    token = torch.arange(4, 10)
    for _ in range(3):
        log_p, together = model.step(together, token)
        want, alone = model.step(alone, token)
        torch.testing.assert_close(log_p, want, rtol=1e-11, atol=1e-11)
        token = want.argmax(-1)


@pytest.mark.parametrize("name", LOOKING)
def test_shares_run_over_the_words_of_the_source_and_none_over_padding(name):
    model, batch = made(name), pair(SOURCES, TARGETS)
    shares = model.align(batch.source.tokens, batch.source.mask, batch.input)
    assert shares.shape == (3, 5, 5)
    torch.testing.assert_close(shares.sum(-1), torch.ones(3, 5, dtype=torch.float64))
    assert (shares[~batch.source.mask[:, None].expand_as(shares)] == 0).all()


def test_the_notes_equations_by_hand():
    """s_t = tanh(W_y y_{t−1} + W_c c_t + W_s s_{t−1} + b), e = v·tanh(W₁s_{t−1} + W₂h), p = softmax(W_o[s|c] + b_o)."""
    model, one = made("the notes"), pair(SOURCES[:1], TARGETS[:1])
    h, end = model.encoder(one.source.tokens, one.source.mask)
    s, attention, cell = end[0], model.attention, model.cell
    rows = []
    for t in range(one.input.shape[1]):
        e = torch.tanh(s @ attention.query.weight.T + h[0] @ attention.key.weight.T + attention.key.bias)
        a = (e @ attention.energy).softmax(0)
        c = a @ h[0]
        y = model.embedding.weight[one.input[0, t]]
        w_y, w_c = cell.weight_ih.split(8, 1)
        s = torch.tanh(w_y @ y + w_c @ c + cell.weight_hh @ s[0] + cell.bias_ih + cell.bias_hh)[None]
        rows.append(model.out.weight @ torch.cat([s[0], c]) + model.out.bias)
    scores = model(one.source.tokens, one.source.mask, one.input)[0]
    torch.testing.assert_close(scores, torch.stack(rows), rtol=1e-11, atol=1e-11)


def test_the_paper_s_decoder_begins_with_the_backward_state_at_the_first_word():
    model, batch = made("attention gru"), pad(SOURCES)
    start = model.start(batch.tokens, batch.mask)
    h = start["source"]["h"]
    torch.testing.assert_close(start["s"][0], torch.tanh(model.bridges[0](h[:, 0, 8:])))


def test_trap_07_the_transformer_s_output_is_tied():
    model = made("transformer")
    assert model.out.weight is model.embedding.weight
    assert "out.weight" not in model.state_dict()


@every
def test_every_leaf_is_of_this_house(name):
    bare = [
        type(m).__name__
        for m in made(name, dropout=0.1).modules()
        if not type(m).__module__.startswith("chainrule.") and type(m).__name__ not in {"ModuleList", "Identity"}
    ]
    assert not bare


@pytest.mark.parametrize("name", ["plain gru", "attention gru", "attention lstm", "transformer pre"])
def test_a_translator_learns_pairs_by_heart_and_says_them(name):
    torch.manual_seed(0)
    model = {
        "plain gru": lambda: RecurrentSeq2Seq(12, 12, 32),
        "attention gru": lambda: AttentionSeq2Seq(12, 12, 32),
        "attention lstm": lambda: AttentionSeq2Seq(12, 12, 32, "lstm"),
        "transformer pre": lambda: TransformerSeq2Seq(12, 12, 32, 1, 4, dropout=0.0, norm_first=True),
    }[name]()
    sources = [[4 + (i * j + i) % 8 for j in range(2 + i % 4)] for i in range(1, 9)]
    batch = pair(sources, [source[::-1] for source in sources])
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(120):
        loss = word_loss(model(batch.source.tokens, batch.source.mask, batch.input), batch.target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.2 < math.log(12)
    with torch.no_grad():
        state = model.start(batch.source.tokens, batch.source.mask)
        found = beam_search(model.step, state, torch.full((8,), BOS), Limits(9), 3, Penalty("gnmt", 0.6))
    assert [list(h[0].tokens) for h in found] == [source[::-1] for source in sources]
    assert all(h[0].finished for h in found)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RecurrentSeq2Seq(9, 9, 8, kind="gur"), "did you mean gru"),
        (lambda: AttentionSeq2Seq(9, 9, 8, kind="x"), "unknown kind of recurrent layer"),
        (lambda: TransformerSeq2Seq(9, 9, 10, heads=4), "heads=4: expected a divisor"),
        (
            lambda: made("plain gru").start(torch.tensor([[4, 0]]), torch.tensor([[False, False]])),
            "true for at least one word",
        ),
        (
            lambda: made("attention gru").start(torch.tensor([[4, 0, 5]]), torch.tensor([[True, False, True]])),
            "false only behind the last",
        ),
        (
            lambda: made("transformer").encode(torch.full((1, 1025), 4), torch.ones(1, 1025, dtype=torch.bool)),
            "1025 tokens: expected at most max_length=1024",
        ),
    ],
)
def test_translators_that_cannot_be(make, message):
    with pytest.raises(UserError, match=message):
        make()
