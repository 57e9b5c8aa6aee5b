"""Augmentation: pure, reproducible, the same eager and compiled."""

import numpy as np
import pytest
import torch

from chainrule.data import augment as room
from chainrule.data.augment import AUGMENTATIONS, affine, augment, draw, flip, parse, translate
from chainrule.errors import UserError

BLACK = torch.zeros(1, 1, 1)


def images(n=4, c=2, h=9, w=7):
    return torch.rand(n, c, h, w, generator=torch.Generator().manual_seed(0))


def test_translate_moves_and_fills():
    x, fill = images(), torch.tensor([[[-1.0]], [[-2.0]]])
    moved = translate(x, torch.tensor([[0, 0], [2, 0], [0, -3], [-20, 1]]), fill)
    assert torch.equal(moved[0], x[0])
    assert torch.equal(moved[1, :, 2:], x[1, :, :-2])
    assert torch.equal(moved[1, :, :2], fill.expand(2, 2, 7))
    assert torch.equal(moved[2, :, :, :-3], x[2, :, :, 3:])
    assert torch.equal(moved[3], fill.expand(2, 9, 7))


def test_flip_mirrors_the_chosen():
    x = images()
    turned = flip(x, torch.tensor([True, False, False, True]), BLACK)
    assert torch.equal(turned[0], x[0].flip(-1))
    assert torch.equal(turned[1:3], x[1:3])


def test_affine_agrees_with_whole_pixel_moves():
    x = images()
    move = torch.tensor([[1.0, 0.0, 2.0], [0.0, 1.0, -1.0]]).expand(4, 2, 3)
    want = translate(x, torch.tensor([[1, -2]]).expand(4, 2), BLACK + 0.5)
    assert torch.allclose(affine(x, move, BLACK + 0.5), want, atol=1e-5)


def test_affine_turns_by_a_quarter():
    x = images(h=8, w=8)
    quarter = torch.tensor([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0]]).expand(4, 2, 3)
    assert torch.allclose(affine(x, quarter, BLACK), x.rot90(1, (2, 3)), atol=1e-5)


@pytest.mark.parametrize("kind", AUGMENTATIONS)
def test_parameters_belong_to_seed_step_and_sample(kind):
    (together,) = draw(kind, 1, 5, torch.tensor([3, 4, 5] * 20))
    (alone,) = draw(kind, 1, 5, torch.tensor([4]))
    assert torch.equal(together[1:2], alone)
    wide = torch.arange(200)
    assert not torch.equal(draw(kind, 1, 5, wide)[0], draw(kind, 1, 6, wide)[0])
    assert not torch.equal(draw(kind, 1, 5, wide)[0], draw(kind, 2, 5, wide)[0])


@pytest.mark.parametrize(("kind", "most"), [("shift", 2), ("crop", 4)])
def test_offsets_are_uniform_in_their_range(kind, most):
    (offsets,) = draw(kind, 0, 0, torch.arange(20000))
    for column in offsets.T:
        counts = torch.bincount(column + most, minlength=2 * most + 1)
        assert len(counts) == 2 * most + 1
        assert (counts - 20000 / (2 * most + 1)).abs().max() < 400


def test_flips_are_every_second():
    (turn,) = draw("flip", 0, 0, torch.arange(20000))
    assert turn.dtype == torch.bool
    assert abs(turn.double().mean() - 0.5) < 0.015


def test_affine_parameters_are_in_their_range():
    (m,) = draw("affine", 0, 0, torch.arange(5000))
    zoom = 1 / torch.linalg.det(m[:, :, :2]).sqrt()
    angle = torch.atan2(m[:, 1, 0], m[:, 0, 0]).rad2deg()
    for values, low, high in ((zoom, 0.9, 1.1), (angle, -10, 10), (m[:, 0, 2], -2, 2), (m[:, 1, 2], -2, 2)):
        assert low - 1e-4 <= values.min() < low + 0.02 * (high - low)
        assert high + 1e-4 >= values.max() > high - 0.02 * (high - low)


@pytest.mark.parametrize("text", ["none", *AUGMENTATIONS, "crop+flip", "shift+flip+affine"])
def test_shape_and_dtype_stay_and_the_input_too(text):
    x = images()
    before = x.clone()
    out = augment(text, x, draw(text, 0, 0, torch.arange(4)), -0.4)
    assert (out.shape, out.dtype) == (x.shape, x.dtype)
    assert torch.equal(x, before)
    assert torch.equal(out, augment(text, x, draw(text, 0, 0, torch.arange(4)), -0.4))
    none = augment(text, x[:0], draw(text, 0, 0, torch.arange(0)))
    assert none.shape == (0, 2, 9, 7)


def test_the_kinds_of_a_chain_draw_apart():
    first, second = draw("shift+crop", 0, 0, torch.arange(500))
    assert np.abs(np.corrcoef(torch.cat([first, second], 1).T) - np.eye(4)).max() < 0.15


@pytest.mark.parametrize("text", ["affine", "crop+flip"])
def test_compiled_equals_eager(text):
    x, parameters = images(), draw(text, 0, 0, torch.arange(4))
    compiled = torch.compile(lambda x, p: augment(text, x, p, 0.5), backend="aot_eager", fullgraph=True)
    assert torch.equal(compiled(x, parameters), augment(text, x, parameters, 0.5))


@pytest.mark.parametrize("text", ["shfit", "", "none+flip", "flip+", "Flip"])
def test_an_unknown_kind_is_one_line(text):
    with pytest.raises(UserError, match="expected none, shift, crop, flip, affine") as caught:
        parse(text)
    assert len(caught.value.lines) == 1


def test_every_kind_says_what_it_does_in_both_languages():
    assert room.AUGMENTATIONS
    assert all(kind.en and kind.zh for kind in room.AUGMENTATIONS.values())
