"""Augmented, balanced and mixed batches through a whole run, and the same again after a break."""

import numpy as np
import pytest
import torch
from PIL import Image

import chainrule
from chainrule.learn.run import resume


@pytest.fixture
def shapes(tmp_path):
    """Pictures with a bright half (left, top) in a table of several classes, and the same in class folders."""
    noise = np.random.default_rng(0)
    rows = ["file,labels"]
    for i in range(48):
        pixels = noise.integers(0, 90, (8, 8, 3), dtype=np.uint8)
        labels = [name for name, on in (("left", i % 2), ("top", i % 3 == 0)) if on]
        pixels[:, :4] += np.uint8(120 * (i % 2))
        pixels[:4] += np.uint8(40 * (i % 3 == 0))
        for root in (tmp_path / "several", tmp_path / "one" / ("left" if i % 2 else "right")):
            root.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(root / f"{i:02}.png")
        rows.append(f"{i:02}.png,{'|'.join(labels)}")
    (tmp_path / "several" / "labels.csv").write_text("\n".join(rows))
    return tmp_path


def train(root, data, **more):
    fixed = {"size": (8, 8), "model": {"hidden": (16,)}, "batch_size": 16, "lr": 0.01, "runs": str(root / "runs")}
    return chainrule.train("mlp", root / data, **{**fixed, **more})


def test_several_classes_are_learned(shapes):
    run = train(shapes, "several", epochs=30, balance="loss")
    assert run.metrics["test_map"] > 0.9


@pytest.mark.parametrize("plan", ["crop(1)+flip(0.1)+jitter(0.1)+cutmix", "alternate+mixup(0.4)"])
@pytest.mark.parametrize("balance", ["none", "sampler"])
def test_a_mixed_run_goes_on_bit_for_bit(shapes, plan, balance):
    asked = {"augment": plan, "balance": balance}
    whole = train(shapes, "one", epochs=3, name="whole", **asked)
    part = train(shapes, "one", epochs=2, name="part", **asked)
    rest = resume(part.path, epochs=3)
    for a, b in zip(whole.network.parameters(), rest.network.parameters(), strict=True):
        assert torch.equal(a, b)


def test_workers_change_nothing(shapes):
    runs = [
        train(shapes, "one", epochs=2, workers=w, augment="resized_crop+flip", cache=c) for w, c in ((0, 2), (2, 1e-6))
    ]
    weights = [torch.cat([p.flatten() for p in run.network.parameters()]) for run in runs]
    assert torch.equal(*weights)
