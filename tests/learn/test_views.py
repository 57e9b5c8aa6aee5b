"""Views of an image, and what is averaged over them: probabilities."""

import pytest
import torch

from chainrule import catalog
from chainrule.data.dataset import Split
from chainrule.data.store import Memory
from chainrule.errors import UserError
from chainrule.learn.device import Device
from chainrule.learn.judgement import average, judge
from chainrule.learn.supervised import Supervised
from chainrule.learn.views import crop, flip, moved, six

CLASSES = ("a", "b", "c")


def image():
    return torch.arange(2 * 3 * 5 * 6.0).reshape(2, 3, 5, 6)


@pytest.mark.parametrize("name", catalog.VIEWS)
def test_views_have_the_shape_of_the_image_and_weights_that_sum_to_one(name):
    views = catalog.VIEWS[name].load()(image())
    assert sum(weight for weight, _ in views) == pytest.approx(1)
    assert all(view.shape == image().shape for _, view in views) and torch.equal(views[0][1], image())
    assert len(views) == {"none": 1, "flip": 2, "crop": 5, "six": 6}[name]


def test_a_moved_image_repeats_its_edge():
    x = image()
    out = moved(x, 1, -2)
    assert torch.equal(out[..., 1:, :-2], x[..., :-1, 2:])
    assert torch.equal(out[..., 0, :], out[..., 1, :]) and torch.equal(out[..., -1], out[..., -2])
    assert torch.equal(moved(moved(x, 1, 1), -1, -1)[..., :-1, :-1], x[..., :-1, :-1])


def test_the_six_views_are_three_places_and_their_mirrors():
    views = six(image())
    assert [weight for weight, _ in views] == [0.25, 0.25, 0.125, 0.125, 0.125, 0.125]
    for (_, one), (_, other) in zip(views[::2], views[1::2], strict=True):
        assert torch.equal(one, other.flip(-1))
    assert len(crop(torch.zeros(1, 1, 2, 2))) == 5 and torch.equal(flip(image())[1][1], image().flip(-1))


class Left(torch.nn.Module):
    """Says class 0 where the left half is bright, class 1 where the right one is."""

    def forward(self, x):
        left, right = x[..., : x.shape[-1] // 2].mean((1, 2, 3)), x[..., x.shape[-1] // 2 :].mean((1, 2, 3))
        return torch.stack([left, right, torch.zeros_like(left)], 1)


def part(targets):
    torch.manual_seed(0)
    images = torch.randint(0, 256, (len(targets), 1, 6, 6), dtype=torch.uint8).numpy()
    return Split(Memory(images), torch.arange(len(targets)), torch.tensor(targets), (0.5,), (0.25,))


@pytest.mark.parametrize("tta", ["flip", "crop", "six"])
@pytest.mark.parametrize("batch", [1, 4, 100])
def test_probabilities_are_averaged_whatever_the_batch(tta, batch):
    split, task = part([0, 1, 2, 0, 1, 1, 0]), Supervised("classification", CLASSES)
    found = judge(Left(), task, split, Device("cpu"), tta, batch)
    x, y = split.batch(torch.arange(7))
    expected = sum(w * Left()(view).double().softmax(-1) for w, view in catalog.VIEWS[tta].load()(x))
    assert found.probabilities.numpy() == pytest.approx(expected.numpy(), rel=1e-6)
    assert found.figures["accuracy"] == float((expected.argmax(1) == y).double().mean())
    assert found.figures["loss"] == pytest.approx(float(-expected.gather(1, y[:, None]).log().mean()), rel=1e-6)
    assert found.plain["accuracy"] == float((Left()(x).argmax(1) == y).double().mean())
    assert found.plain == judge(Left(), task, split, Device("cpu"), "none", batch).figures


def test_mirrored_views_make_a_network_see_both_sides_alike():
    found = judge(Left(), Supervised("classification", CLASSES), part([0, 1]), Device("cpu"), "flip")
    assert found.probabilities[:, 0].numpy() == pytest.approx(found.probabilities[:, 1].numpy())


def test_labels_and_numbers_are_averaged_too():
    outs = [(0.5, torch.tensor([[0.0, 2.0]])), (0.5, torch.tensor([[4.0, 2.0]]))]
    mean = (torch.tensor([0.5, 0.0]) + torch.tensor([4.0, 0.0]).sigmoid()) / 2
    assert float(average("multilabel", outs).sigmoid()[0, 0]) == pytest.approx(float(mean[0]))
    assert average("regression", outs).tolist() == [[2.0, 2.0]]


def test_the_worst_mistakes_are_the_surest_wrong_answers():
    split = part([0, 1, 2, 0, 1])
    found = judge(Left(), Supervised("classification", CLASSES), split, Device("cpu"))
    p, guess = found.probabilities.max(-1)
    wrong = [(i, float(p[i])) for i in p.argsort(descending=True).tolist() if guess[i] != split.targets[i]]
    assert found.worst(10) == wrong and found.worst(1) == wrong[:1]
    rows = found.table()
    assert [row["support"] for row in rows] == [2, 2, 1]
    assert sum(row["recall"] * row["support"] for row in rows) == pytest.approx(5 * found.figures["accuracy"])


class Silent(torch.nn.Module):
    def forward(self, x):
        return torch.full((len(x), 3), float("nan"))


def test_what_cannot_be_judged_is_said():
    split, task = part([0, 1]), Supervised("classification", CLASSES)
    with pytest.raises(UserError, match="with nan"):
        judge(Silent(), task, split, Device("cpu"))
    with pytest.raises(UserError, match=r"unknown tta 'flop'.*did you mean flip"):
        judge(Left(), task, split, Device("cpu"), "flop")


class Rows:
    """Samples that are no images."""

    targets = torch.tensor([0, 1])

    def __len__(self):
        return 2

    def batch(self, indices):
        return torch.zeros(len(indices), 4), self.targets[indices]


def test_views_of_what_is_no_image_are_refused():
    with pytest.raises(UserError, match=r"tta=flip: expected images .* \[4\]"):
        judge(Left(), Supervised("classification", CLASSES), Rows(), Device("cpu"), "flip")
