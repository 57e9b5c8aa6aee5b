"""Language models: carried states, kept keys, tied tables, and what padding must not do."""

import copy

import pytest
import torch
from torch import Tensor

from chainrule import nn
from chainrule.data.text import Stream, Vocabulary, tokenizer
from chainrule.errors import UserError
from chainrule.learn.decode import Chance, Limits, greedy, sample
from chainrule.nn.transformer import TransformerDecoderLayer, TransformerEncoderLayer
from chainrule.zoo.language_model import RecurrentLanguageModel, TransformerLanguageModel
from chainrule.zoo.word_output import WordOutput, word_loss, word_table

KINDS = ["rnn", "lstm", "gru", "transformer", "transformer post"]
PLAIN = {"Identity", "ModuleList"}


def made(kind: str, words: int = 11, **options) -> torch.nn.Module:
    torch.manual_seed(0)
    if kind.startswith("transformer"):
        options = {"width": 8, "num_layers": 2, "heads": 2, "norm_first": kind == "transformer", **options}
        return TransformerLanguageModel(words, **options).double().eval()
    return RecurrentLanguageModel(words, **{"width": 8, "num_layers": 2, "kind": kind, **options}).double().eval()


TOKENS = torch.tensor([[4, 5, 6, 7, 8, 9], [9, 4, 4, 10, 3, 5]])


@pytest.mark.parametrize("kind", KINDS)
def test_step_by_step_is_the_whole_sequence(kind):
    model = made(kind)
    whole = model(TOKENS)[0].log_softmax(-1)
    state = model.start(TOKENS[:, :0])
    for t in range(6):
        log_p, state = model.step(state, TOKENS[:, t])
        torch.testing.assert_close(log_p, whole[:, t], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_a_text_read_at_once_or_in_parts_goes_on_alike(kind):
    model = made(kind)
    log_p, _ = model.step(model.start(TOKENS[:, :5]), TOKENS[:, 5])
    torch.testing.assert_close(log_p, model(TOKENS)[0][:, 5].log_softmax(-1), rtol=1e-12, atol=1e-12)
    state = model.start(TOKENS[:, :2])
    scores, _ = model(TOKENS[:, 2:], state)
    torch.testing.assert_close(scores, model(TOKENS)[0][:, 2:], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_trap_05_no_word_hears_of_what_comes_later(kind):
    model = made(kind)
    changed = TOKENS.clone()
    changed[:, 4:] = 3
    torch.testing.assert_close(model(changed)[0][:, :4], model(TOKENS)[0][:, :4], rtol=1e-12, atol=1e-12)
    assert not torch.allclose(model(changed)[0][:, 4], model(TOKENS)[0][:, 4])


@pytest.mark.parametrize("kind", KINDS)
def test_trap_01_padding_has_no_gradient_and_changes_nothing(kind):
    model = made(kind)
    x, y = torch.tensor([[4, 5, 6], [7, 0, 0]]), torch.tensor([[5, 6, 2], [2, 0, 0]])
    together = word_loss(model(x)[0], y, smoothing=0.1, reduction="sum")
    alone = [word_loss(model(x[i : i + 1, :n])[0], y[i : i + 1, :n], 0.1, "sum") for i, n in ((0, 3), (1, 1))]
    torch.testing.assert_close(together, sum(alone), rtol=1e-12, atol=1e-12)
    together.backward()
    assert (model.embedding.weight[0] == 0).all()
    assert (model.embedding.weight.grad[0] == 0).all()
    assert (model.embedding.weight.grad[4] != 0).any()


@pytest.mark.parametrize("kind", KINDS)
def test_trap_07_tied_tables_are_one_and_saved_once(kind):
    model = made(kind)
    assert model.out.weight is model.embedding.weight
    assert [name for name in model.state_dict() if "weight" in name and name.startswith(("out", "emb"))] == [
        "embedding.weight"
    ]
    other = made(kind)
    with torch.no_grad():
        other.embedding.weight.add_(1.0)
    other.load_state_dict(model.state_dict())
    assert other.out.weight is other.embedding.weight
    assert torch.equal(other(TOKENS)[0], model(TOKENS)[0])
    twin = copy.deepcopy(model)
    assert twin.out.weight is twin.embedding.weight
    assert len(list(model.parameters())) == len({id(p) for p in model.parameters()})


def test_trap_07_embeddings_are_scaled_and_begin_at_d_to_the_minus_half():
    torch.manual_seed(0)
    table = word_table(5000, 64)
    assert float(table.weight[1:].detach().std()) == pytest.approx(64**-0.5, rel=0.01)
    model = made("transformer", words=5000, width=64)
    read = model.positions(model.embedding(torch.full((1, 1), 7)))
    torch.testing.assert_close(read[0, 0], model.embedding.weight[7] * 8 + model.positions.table[0].double())


def test_an_untied_output_is_a_linear_layer():
    model = made("gru", tied=False)
    assert {"out.weight", "embedding.weight"} <= set(model.state_dict())
    x = torch.randn(2, 8, dtype=torch.float64)
    torch.testing.assert_close(model.out(x), torch.nn.functional.linear(x, model.out.weight, model.out.bias))


@pytest.mark.parametrize("kind", KINDS)
def test_every_leaf_is_of_this_house(kind):
    bare = [
        type(m).__name__
        for m in made(kind, dropout=0.1).modules()
        if not type(m).__module__.startswith("chainrule.") and type(m).__name__ not in PLAIN
    ]
    assert not bare


@pytest.mark.parametrize("norm_first", [False, True])
def test_layers_step_by_step_are_torch_s_layers(norm_first):
    torch.manual_seed(0)
    from chainrule.nn.stepwise import decoder_step, encoder_step, source_of

    options = {"batch_first": True, "norm_first": norm_first, "dropout": 0.0, "dtype": torch.float64}
    theirs = torch.nn.TransformerDecoderLayer(8, 2, 16, **options)
    ours = TransformerDecoderLayer(8, 2, 16, **options)
    ours.load_state_dict(theirs.state_dict())
    x, memory = torch.randn(2, 4, 8, dtype=torch.float64), torch.randn(2, 3, 8, dtype=torch.float64)
    mask = torch.tensor([[True, True, False], [True, True, True]])
    hidden = torch.ones(4, 4, dtype=torch.bool).triu(1)
    whole = theirs(x, memory, hidden, memory_key_padding_mask=~mask)
    past, kept = None, source_of(ours.multihead_attn, memory)
    for t in range(4):
        out, past, shares = decoder_step(ours, x[:, t : t + 1], past, kept, mask, weighed=True)
        torch.testing.assert_close(out[:, 0], whole[:, t], rtol=1e-12, atol=1e-12)
        assert (shares[0, :, 2] == 0).all()
        torch.testing.assert_close(shares.sum(-1), torch.ones(2, 1, dtype=torch.float64))
    encoder = TransformerEncoderLayer(8, 2, 16, **options)
    first, past = encoder_step(encoder, x[:, :3], None)
    last, _ = encoder_step(encoder, x[:, 3:], past)
    torch.testing.assert_close(torch.cat([first, last], 1), encoder(x, hidden), rtol=1e-12, atol=1e-12)


def nats(model: torch.nn.Module, stream: Stream, optimizer, epoch: int) -> float:
    """One epoch of truncated back-propagation with the state carried; the mean loss."""
    state: Tensor | None = None
    total = 0.0
    for number in range(stream.count(epoch)):
        x, y = stream.batch(epoch, number)
        scores, state = model(x, state)
        state = tuple(s.detach() for s in state)
        loss = word_loss(scores, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() / stream.count(epoch)
    return total


def test_a_language_model_learns_and_generates():
    text = "the cat sat on the mat. " * 40
    words = Vocabulary.build([tokenizer("characters").tokenize(text)])
    stream = Stream(words.encode(text), rows=4, steps=16)
    torch.manual_seed(0)
    model = RecurrentLanguageModel(len(words), width=32, kind="gru")
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    losses = [nats(model, stream, optimizer, epoch) for epoch in range(12)]
    assert losses[-1] < 0.3 < losses[0]
    model.eval()
    read = torch.tensor([words.encode("the cat ")])
    with torch.no_grad():
        said = greedy(model.step, model.start(read[:, :-1]), read[:, -1], Limits(15))
        drawn = sample(model.step, model.start(read[:, :-1]), read[:, -1], Limits(15), Chance(temperature=0.1))
    assert "".join(words.decode(said[0].tokens)) == "sat on the mat."
    assert "".join(words.decode(drawn[0].tokens)) == "sat on the mat."


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RecurrentLanguageModel(9, kind="lstn"), "did you mean lstm"),
        (lambda: TransformerLanguageModel(9, width=10, heads=4), "heads=4: expected a divisor of width=10"),
        (lambda: made("transformer", max_length=5)(TOKENS), "6 tokens: expected at most max_length=5"),
        (lambda: made("transformer", max_length=5).start(TOKENS), "at most max_length=5"),
        (lambda: WordOutput(3, 9).tie(word_table(8, 3)), "tied: the embedding is"),
    ],
)
def test_models_that_cannot_be(make, message):
    with pytest.raises(UserError, match=message):
        make()


def test_attention_is_the_only_mathematics_that_is_shared():
    assert isinstance(made("transformer").layers[0].self_attn, nn.MultiheadAttention)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["lstm"])
def test_a_character_lstm_learns_shakespeare(shared_data, kind):
    """Below 2.2 nats a character within two minutes of one core; a model that knows only frequencies has 3.3."""
    from chainrule.data.text import read

    text = "\n".join(read(shared_data / "tinyshakespeare" / "input.txt").lines)
    words = Vocabulary.build([text])
    ids = words.encode(text)
    cut = len(ids) * 9 // 10
    stream = Stream(ids[:cut], rows=32, steps=64)
    torch.manual_seed(0)
    model = RecurrentLanguageModel(len(words), width=192, kind=kind)
    optimizer = torch.optim.Adam(model.parameters(), 4e-3)
    state = None
    for number in range(stream.count(0)):
        x, y = stream.batch(0, number)
        scores, state = model(x, state)
        state = tuple(s.detach() for s in state)
        loss = word_loss(scores, y)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    model.eval()
    x, y = Stream(ids[cut:], rows=8, steps=10**6, shift=False).batch(0, 0)
    with torch.no_grad():
        assert word_loss(model(x)[0], y) < 2.2
