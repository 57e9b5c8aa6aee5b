"""The network of the speed records: whitened patches, identities, norms without γ."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import chainrule
from chainrule.data.assemble import assemble
from chainrule.data.dataset import DataSet
from chainrule.data.found import Found
from chainrule.data.store import Memory
from chainrule.learn import build
from chainrule.settings import parse
from chainrule.zoo.airbench import AIRBENCH, EPS, airbench, whitening


def pictures(count: int = 64, channels: int = 3) -> torch.Tensor:
    """Neighbours are alike, as in photographs."""
    drawn = torch.randn(count, channels, 16, 16, generator=torch.Generator().manual_seed(0))
    return torch.nn.functional.avg_pool2d(drawn, 3, 1, 1) + 0.5 * drawn.mean(1, keepdim=True)


def test_whitened_patches_are_uncorrelated_and_of_unit_variance():
    x = pictures()
    answers = torch.nn.functional.conv2d(x, whitening(x)).transpose(0, 1).flatten(1).double()
    found = answers @ answers.mT / answers.shape[1]
    patches = torch.nn.functional.unfold(x, 2).transpose(1, 2).flatten(0, 1).double()
    λ = torch.linalg.eigvalsh(patches.mT @ patches / len(patches)).flip(0)
    assert torch.allclose(found, torch.diag(λ / (λ + EPS)), atol=1e-5)


def test_directions_come_by_falling_variance():
    x = pictures()
    filters = whitening(x, eps=0.0).flatten(1)
    lengths = filters.norm(dim=1)  # 1 / √λ
    assert torch.all(lengths[1:] >= lengths[:-1])


def test_the_first_layer_has_each_direction_with_both_signs_and_is_not_learned():
    network = airbench("airbench_narrow")
    network.prepare(pictures())
    half = len(network.whiten.weight) // 2
    assert torch.equal(network.whiten.weight[:half], -network.whiten.weight[half:])
    assert not network.whiten.weight.requires_grad
    assert network.whiten.bias is not None and network.whiten.bias.requires_grad


def test_a_convolution_starts_as_the_identity_of_its_inputs():
    pair: Any = airbench("airbench_narrow").groups[1]
    x = torch.randn(2, 24, 8, 8)
    assert torch.allclose(pair.conv1(x)[:, :24], x, atol=1e-6)


def test_the_norms_have_no_scale_and_forget_four_tenths_a_step():
    network = airbench("airbench94")
    norms = [m for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert len(norms) == 6
    assert all(not m.weight.requires_grad and torch.all(m.weight == 1) for m in norms)
    assert all(m.momentum == pytest.approx(0.4) for m in norms)
    pair: Any = network.train().groups[0]
    pair.norm1(torch.full((2, 64, 3, 3), 5.0))
    assert torch.allclose(pair.norm1.running_mean, torch.full((64,), 2.0))  # 0.6 · 0 + 0.4 · 5


def test_answers_are_scaled_and_of_several_sizes():
    network = airbench("airbench_narrow", num_classes=7, in_channels=1).eval()
    out = network(torch.randn(2, 1, 32, 32))
    assert out.shape == (2, 7)
    maps = network.feature_maps(torch.zeros(1, 1, 32, 32))
    assert [tuple(m.shape[1:]) for m in maps] == [(8, 31, 31), (24, 15, 15), (64, 7, 7), (96, 3, 3)]
    with torch.no_grad():
        inner = network.fc(network.maxpool(network.feature_maps(torch.ones(1, 1, 48, 48))[-1]).flatten(1))
        assert torch.allclose(network(torch.ones(1, 1, 48, 48)), inner / 9)


@pytest.mark.parametrize("name", AIRBENCH)
def test_a_run_prepares_the_network_from_its_training_part(name, small_cifar):
    settings = parse(["optimizer=muonsgd", "seed=3"])
    network: Any = build.network(name, settings, small_cifar)
    x = small_cifar.train.batch(torch.arange(len(small_cifar.train)))[0]
    filters = whitening(x)
    assert torch.allclose(network.whiten.weight, torch.cat([filters, -filters]))
    again: Any = build.network(name, settings, small_cifar)
    assert torch.equal(again.whiten.weight, network.whiten.weight)


@pytest.fixture
def small_cifar() -> DataSet:
    draw = np.random.default_rng(0)
    x = draw.integers(0, 256, (40, 3, 32, 32), dtype=np.uint8)
    y = np.arange(40) % 10
    parts = {"train": (Memory(x), y), "test": (Memory(x[:10]), y[:10])}
    return assemble(Found("made", "made", tuple("abcdefghij"), parts, "resize"), 0.1, 0)


@pytest.mark.slow
def test_ten_steps_teach_it_a_third_of_cifar(tmp_path):
    shared = os.environ.get("CHAINRULE_SHARED", "")
    if not Path(shared, "data", "cifar10").is_dir():
        pytest.skip("needs CIFAR-10: CHAINRULE_SHARED/data/cifar10")
    words = ["epochs=1", "batch_size=500", "val=0.9", "optimizer=muonsgd", "head_lr=4", "bias_lr=200"]
    words += ["label_smoothing=0.2", "schedule=linear", "warmup=0.2", "augment=crop(2, mode=reflect)+alternate"]
    settings = parse([*words, f"runs={tmp_path}"])
    run = chainrule.train("airbench_narrow", str(Path(shared, "data", "cifar10")), settings)
    assert run.metrics["test_accuracy"] > 0.38  # measured: 45.6 %
