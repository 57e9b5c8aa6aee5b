"""What size and how many channels the data is brought to for a network."""

import pytest

from chainrule.learn.build import dataset
from chainrule.settings import Settings


@pytest.mark.parametrize(
    ("model", "given", "shape"),
    [
        ("lenet5", {}, (1, 32, 32)),
        ("lenet5", {"model": {"in_channels": 3}}, (3, 32, 32)),
        ("resnet20", {}, (3, 32, 32)),
        ("resnet18", {"model": {"stem": "cifar"}}, (3, 32, 32)),
        ("resnet18", {"model": {"stem": "cifar", "in_channels": 1}, "size": (24, 20)}, (1, 24, 20)),
        ("resnet18", {"size": (48, 48)}, (3, 48, 48)),
    ],
)
def test_a_stem_for_small_images_asks_for_small_images(model, given, shape):
    assert dataset(model, "digits", Settings(**given)).shape == shape
