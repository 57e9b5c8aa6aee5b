"""The real MNIST: its counts, its moments, its speed."""

import pytest
import torch

from chainrule.data import load
from chainrule.data.check import check


@pytest.fixture(scope="module")
def mnist(shared_data):
    """Where the shared MNIST lies."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CHAINRULE_DATA", str(shared_data))
        yield load("mnist", val=0)


def test_counts_and_moments(mnist):
    assert (len(mnist.train), mnist.val, len(mnist.test), mnist.shape) == (60000, None, 10000, (1, 28, 28))
    assert round(mnist.mean[0], 4) == 0.1307
    assert round(mnist.std[0], 4) == 0.3081
    assert mnist.train.targets[:8].tolist() == [5, 0, 4, 1, 9, 2, 1, 3]
    assert mnist.test.targets.bincount().tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


def test_its_files_are_the_published_ones(shared_data, monkeypatch):
    monkeypatch.setenv("CHAINRULE_DATA", str(shared_data))
    report = check("mnist")
    assert report.problems == []
    assert report.summary == "mnist: 4 files, sha256 right"


def test_a_path_is_as_good_as_the_name(shared_data, mnist):
    data = load(shared_data / "mnist", size=(32, 32))
    assert data.shape == (1, 32, 32)
    assert (len(data.train), len(data.val), len(data.test)) == (54000, 6000, 10000)
    assert torch.equal(data.test.raw(0)[:, 2:30, 2:30], mnist.test.raw(0))
