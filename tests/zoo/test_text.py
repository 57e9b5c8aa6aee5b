"""Networks that read texts: padding changes nothing, every layer is ours, the catalogue's options are theirs."""

import inspect

import pytest
import torch

from chainrule import nn
from chainrule.catalog import MODELS
from chainrule.errors import UserError
from chainrule.gear import gear
from chainrule.zoo.text import Asked, Attending, Recurrent, Windows, pooled

NAMES = [name for name, entry in MODELS.items() if entry.kind == "texts"]
SMALL = {"width": 8}


def made(name, per_token=False, **options):
    torch.manual_seed(0)
    small = {
        k: v for k, v in {"hidden": 6, "heads": 2, "num_layers": 2, "filters": 3}.items() if k in MODELS[name].options
    }
    return MODELS[name].load()(Asked(12, 3, per_token), **SMALL, **small, **options).double().eval()


@pytest.mark.parametrize("name", NAMES)
def test_the_options_beside_it_are_its_constructors(name):
    signature = inspect.signature(MODELS[name].load()).parameters
    takes = {k: p.default for k, p in list(signature.items())[1:]}
    assert takes == {k: v for k, v in MODELS[name].options.items() if k not in ("vectors", "tune")}


@pytest.mark.parametrize("form", ["auto", "formula"])
@pytest.mark.parametrize("per_token", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_E63_E64_trap_01_a_text_is_answered_the_same_alone_and_beside_longer_ones(name, per_token, form):
    net = made(name, per_token)
    texts = [[5, 6], [7, 8, 9, 10, 11], [4]]
    tokens = torch.tensor([text + [0] * (5 - len(text)) for text in texts])
    with gear(form), torch.no_grad():
        together = net(tokens, tokens != 0)
        for row, text in zip(together, texts, strict=True):
            alone = net(torch.tensor([text]), torch.ones(1, len(text), dtype=torch.bool))[0]
            assert torch.allclose(alone, row[: len(text)] if per_token else row, atol=1e-12)


@pytest.mark.parametrize("pool", ["mean", "max", "last"])
@pytest.mark.parametrize("name", ["text_lstm", "text_transformer", "text_cnn"])
def test_no_pooling_sees_padding(name, pool):
    net = made(name, pool=pool)
    tokens = torch.tensor([[5, 6, 0, 0]])
    short, long = net(tokens[:, :2], tokens[:, :2] != 0), net(tokens, tokens != 0)
    assert torch.allclose(short, long, atol=1e-12)


@pytest.mark.parametrize("name", ["text_lstm", "text_gru", "text_rnn", "text_peephole"])
def test_the_form_for_the_compiler_is_the_packed_one(name, monkeypatch):
    import torch._dynamo  # it knows its functions by identity: before one of them is replaced

    net = made(name)
    tokens = torch.tensor([[5, 6, 0], [7, 8, 9]])
    packed = net(tokens, tokens != 0)
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    layers = net.body.layers
    out, ends = layers.over(net.embedding(tokens), torch.tensor([2, 3]))
    monkeypatch.undo()
    again, last = layers.over(net.embedding(tokens), torch.tensor([2, 3]))
    first = ends[0] if isinstance(ends, tuple) else ends
    assert torch.allclose(out, again, atol=1e-12)
    assert torch.allclose(first, last[0] if isinstance(last, tuple) else last, atol=1e-12)
    assert packed.shape == (2, 3)


def test_trap_02_the_backward_direction_begins_at_the_texts_own_end():
    """E63: the last state of each direction is the one at its own end."""
    torch.manual_seed(0)
    body = Recurrent(3, "rnn", 4).double()
    x = torch.randn(1, 5, 3, dtype=torch.double)
    x[:, 3:] = 9.0  # padding that would be seen if anything looked
    states, last = body(x, torch.tensor([[True, True, True, False, False]]))
    assert torch.allclose(last[0, :4], states[0, 2, :4]) and torch.allclose(last[0, 4:], states[0, 0, 4:])
    assert not states[0, 3:].any()


@pytest.mark.parametrize("name", NAMES)
def test_trap_01_padding_has_no_row_of_its_own(name):
    net = made(name)
    tokens = torch.tensor([[5, 6, 0], [7, 8, 9]])
    net(tokens, tokens != 0).sum().backward()
    assert not net.embedding.weight[0].any() and not net.embedding.weight.grad[0].any()
    assert net.embedding.weight.grad[5].any()


@pytest.mark.parametrize("name", NAMES)
def test_every_layer_is_chainrule_s_own(name):
    plain = {"ModuleList", "Identity"}
    strange = [type(m) for m in made(name).modules() if not type(m).__module__.startswith("chainrule.")]
    assert {kind.__name__ for kind in strange} <= plain


@pytest.mark.parametrize("name", ["text_lstm", "text_transformer"])
def test_known_vectors_lie_in_the_table(name):
    net = made(name)
    vectors, known = torch.randn(12, 8, dtype=torch.double) * 3, torch.zeros(12, dtype=torch.bool)
    known[5:9] = True
    net.begin_with(vectors, known)
    table = net.embedding.weight.detach()
    scale = table[5] / vectors[5]
    assert torch.allclose(table[known], vectors[known] * scale[0]) and not table[0].any()
    assert 0.3 < float(table[9:].std() / table[known].std()) < 3
    assert torch.allclose(scale[0], torch.ones(()).double()) == (name == "text_lstm")


def test_what_cannot_be_is_refused():
    with pytest.raises(UserError, match=r"unknown model.pool 'sum': expected one of mean, max, last"):
        made("text_bag", pool="sum")
    with pytest.raises(UserError, match=r"model.heads=3: expected a divisor of model.width=8"):
        Attending(8, 3)


def test_a_filter_sees_as_many_words_as_its_window():
    net = Windows(1, (1, 3), 1)
    with torch.no_grad():
        for layer in net.layers:
            layer.weight.fill_(1)
            layer.bias.zero_()
    x = torch.tensor([[[1.0], [2.0], [4.0], [9.0]]])
    states, summary = net(x, torch.tensor([[True, True, True, False]]))
    assert states[0, :3].tolist() == [[1, 3], [2, 7], [4, 6]] and summary.tolist() == [[4, 7]]
    for sizes in ((), (0,), (2.5,)):
        with pytest.raises(UserError, match=r"model.windows=.*expected numbers of words of at least 1"):
            Windows(1, sizes)


def test_pooled_takes_the_largest_of_the_tokens_alone():
    states = torch.tensor([[[-1.0], [-3.0], [9.0]]])
    assert pooled(states, torch.tensor([[True, True, False]]), "max").tolist() == [[-1.0]]
    assert isinstance(nn.LSTM(2, 3).over(torch.zeros(4, 1, 2), torch.tensor([4]))[1], tuple)
