"""Embedding: torch's module in every option, the deltas of E28 and E29, refusals."""

import pytest
import torch

import chainrule.nn as nn
from chainrule.errors import UserError
from chainrule.gear import gear

from .parity import agree, pair


@pytest.mark.parametrize("padding_idx", [None, 0, 2, -1])
@pytest.mark.parametrize("max_norm", [None, 0.5])
@pytest.mark.parametrize("idx", [[1, 2, 2, 4, 0], [[0, 4], [2, 2]], 3, []], ids=str)
def test_module_is_torchs(padding_idx, max_norm, idx):
    options = {"padding_idx": padding_idx, "max_norm": max_norm, "norm_type": 1.0}
    agree(*pair("Embedding", 5, 3, **options), torch.tensor(idx, dtype=torch.long))


def test_int32_and_pretrained():
    table = torch.randn(4, 3)
    module = nn.Embedding.from_pretrained(table, freeze=False, padding_idx=1)
    assert type(module) is nn.Embedding
    with gear("formula"):
        out = module(torch.tensor([1, 3], dtype=torch.int32))
    assert torch.equal(out, table[[1, 3]])


def test_E28_the_table_has_one_row_a_word():
    module = nn.Embedding(7, 3)
    assert module.weight.shape == (7, 3) == (module.num_embeddings, module.embedding_dim)


def test_E29_the_delta_of_a_row_is_the_sum_over_its_uses():
    module = nn.Embedding(4, 2, padding_idx=3)
    idx, δ = torch.tensor([1, 3, 1, 0]), torch.tensor([[1.0, 2], [3, 4], [5, 6], [7, 8]])
    for chosen in ("formula", "twin"):
        module.zero_grad()
        with gear(chosen):
            module(idx).backward(δ)
        assert module.weight.grad.tolist() == [[7, 8], [6, 8], [0, 0], [0, 0]]
    assert module.weight[3].tolist() == [0, 0]


@pytest.mark.parametrize("chosen", ["formula", "auto"])
@pytest.mark.parametrize("word", [5, -1])
def test_a_word_outside_the_table_is_an_error(chosen, word):
    with gear(chosen), pytest.raises(IndexError, match="out of range"):
        nn.Embedding(5, 2)(torch.tensor([word]))


@pytest.mark.parametrize("option", ["sparse", "scale_grad_by_freq"])
def test_what_is_no_dense_delta_is_refused_in_one_line(option):
    with pytest.raises(UserError, match=f"got {option}=True: expected False") as refusal:
        nn.Embedding(5, 2, **{option: True})
    assert "\n" not in str(refusal.value)


def test_compiled_is_one_graph():
    torch._dynamo.reset()
    module = nn.Embedding(5, 2, padding_idx=0)
    idx = torch.tensor([[0, 1], [1, 4]])
    with gear("formula"):
        built = torch.compile(module, fullgraph=True, backend="aot_eager")
        v = torch.randn(2, 2, 2)
        got, expected = (torch.autograd.grad(m(idx), module.weight, v)[0] for m in (built, module))
    torch.testing.assert_close(got, expected)
