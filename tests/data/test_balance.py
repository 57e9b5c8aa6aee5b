"""Classes of unequal size: weighed, or drawn equally often."""

import numpy as np
import pytest
import torch

from chainrule.data import Split
from chainrule.data.balance import Balanced, counts
from chainrule.data.store import Memory
from chainrule.errors import UserError
from chainrule.learn.supervised import Supervised


def split(targets):
    images = np.zeros((len(targets), 1, 2, 2), np.uint8)
    return Split(Memory(images), torch.arange(len(targets)), targets, (0.0,), (1.0,))


UNEVEN = torch.tensor([0] * 60 + [1] * 30 + [2] * 6)


def test_each_class_comes_equally_often_and_no_sample_before_its_turn():
    balanced = Balanced(split(UNEVEN), 3)
    epoch = torch.cat([balanced.indices(0, 0, b, 20) for b in range(5)])
    assert UNEVEN[epoch].bincount().tolist() == [32, 32, 32]
    seen = epoch.bincount(minlength=96)
    assert seen[:60].tolist().count(1) == 32
    assert sorted(seen[60:90].tolist()) == [1] * 28 + [2] * 2
    assert sorted(seen[90:].tolist()) == [5] * 4 + [6] * 2


def test_the_order_is_a_function_of_seed_and_epoch():
    a, b = Balanced(split(UNEVEN), 3), Balanced(split(UNEVEN), 3)
    assert torch.equal(a.indices(3, 7, 2, 20), b.indices(3, 7, 2, 20))
    assert not torch.equal(a.indices(3, 7, 2, 20), a.indices(3, 8, 2, 20))
    assert not torch.equal(a.indices(3, 7, 2, 20), a.indices(4, 7, 2, 20))
    first = torch.cat([a.indices(0, 0, i, 20) for i in range(2)])
    assert UNEVEN[first].bincount(minlength=3).min() >= 7  # mixed, not one class after the other
    with pytest.raises(UserError, match="expected 0…4"):
        a.indices(0, 0, 5, 20)


def test_over_the_epochs_every_sample_comes():
    balanced = Balanced(split(UNEVEN), 3)
    seen = torch.cat([balanced.indices(0, epoch, 0, 96) for epoch in range(10)])
    assert seen.unique().numel() == 96


def test_several_classes_count_for_the_rarest():
    targets = torch.tensor([[1.0, 0.0]] * 8 + [[1.0, 1.0]] * 2)
    epoch = Balanced(split(targets), 2).indices(0, 0, 0, 10)
    assert (epoch >= 8).sum() == 5
    assert counts(split(targets), 2).tolist() == [10, 2]


def test_numbers_have_no_classes():
    with pytest.raises(UserError, match="expected classes"):
        Balanced(split(torch.tensor([0.5, 0.7])), 0)


def test_weights_are_for_learning_only_and_equal_torch_s():
    task = Supervised("classification", ("a", "b", "c"), weights=(0.5, 1.0, 5.0))
    z, y = torch.randn(8, 3), torch.tensor([0, 0, 1, 2, 2, 0, 1, 0])
    want = torch.nn.functional.cross_entropy(z, y, torch.tensor(task.weights))
    assert torch.allclose(task.loss(z, y), want)
    with pytest.raises(UserError, match="takes no weights"):
        Supervised("classification", ("a", "b"), "nll", weights=(1.0, 2.0))


def test_several_classes_learn_by_binary_cross_entropy():
    task = Supervised("multilabel", ("a", "b"), weights=(1.0, 4.0))
    z, y = torch.randn(5, 2), torch.tensor([[1.0, 0.0]] * 3 + [[0.0, 1.0]] * 2)
    want = torch.nn.functional.binary_cross_entropy_with_logits(z, y, pos_weight=torch.tensor([1.0, 4.0]))
    assert torch.allclose(task.loss(z, y), want)
    assert type(task.metrics()).__name__ == "Multilabel"
    with pytest.raises(UserError, match="expected auto or bce for a multilabel"):
        Supervised("multilabel", ("a", "b"), "nll")
