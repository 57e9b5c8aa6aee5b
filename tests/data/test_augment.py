"""Augmentation: pure, reproducible, the same eager and compiled, and where they mean the same torchvision's."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from chainrule import settings
from chainrule.data.augment import KINDS, augment, draw, mix, parse
from chainrule.data.augment.colour import brightness, contrast, hue, normalise, saturation
from chainrule.data.augment.mixing import beta
from chainrule.data.augment.moving import flip, translate
from chainrule.data.augment.own import load_own
from chainrule.data.augment.warping import affine, matrix, resized_crop
from chainrule.data.sampler import indices
from chainrule.errors import UserError

from ..zoo.oracle import torchvision

PLAIN = [kind for kind in KINDS if not KINDS[kind].mixes]
CHAINS = ["crop+flip", "resized_crop(scale=0.35..1)+flip+jitter(0.4, hue=0.1)+erase", "affine(shear=5)+vflip+cutout(3)"]


def images(n=4, c=3, h=9, w=7):
    return torch.rand(n, c, h, w, generator=torch.Generator().manual_seed(0))


def bytes_(*shape):
    return (images(*shape) * 255).round().to(torch.uint8)


def oracle():
    if torchvision() is None:
        pytest.skip("torchvision is not installed")
    from torchvision.transforms.v2 import functional

    return functional


# -- what each does ---------------------------------------------------------------------------------------------------


def test_translate_moves_and_fills():
    for x in (images(), bytes_()):
        moved = translate(x, torch.tensor([[0, 0], [2, 0], [0, -3], [-20, 1]]), 20)
        assert torch.equal(moved[0], x[0])
        assert torch.equal(moved[1, :, 2:], x[1, :, :-2])
        assert not moved[1, :, :2].any()
        assert torch.equal(moved[2, :, :, :-3], x[2, :, :, 3:])
        assert not moved[3].any()


@pytest.mark.parametrize("mode", ["constant", "reflect"])
def test_a_crop_is_torchvision_s(mode):
    theirs, x = oracle(), bytes_(5, 3, 12, 10)
    offsets = torch.tensor([[0, 0], [4, -4], [-4, 4], [1, 2], [-3, 0]])
    ours = translate(x, offsets, 4, {"constant": "zeros"}.get(mode, mode))
    for row, (down, right) in enumerate(offsets.tolist()):
        padded = theirs.pad(x[row], [4], padding_mode=mode)
        assert torch.equal(ours[row], theirs.crop(padded, 4 - down, 4 - right, 12, 10))


def test_flip_mirrors_the_chosen():
    x = images()
    turn = torch.tensor([True, False, False, True])
    assert torch.equal(flip(x, turn)[0], x[0].flip(-1))
    assert torch.equal(flip(x, turn, -2)[3], x[3].flip(-2))
    assert torch.equal(flip(x, turn)[1:3], x[1:3])


def test_alternating_flips_show_both_sides_in_two_epochs():
    samples = torch.arange(2000)
    turns = [draw("alternate", 0, step, samples, epoch=epoch)[0] for step, epoch in ((0, 0), (7, 1), (9, 2), (3, 3))]
    assert torch.equal(turns[0], ~turns[1])
    assert torch.equal(turns[0], turns[2])
    assert torch.equal(turns[1], turns[3])
    assert abs(turns[0].double().mean() - 0.5) < 0.04


@pytest.mark.parametrize(
    ("degrees", "zoom", "shift", "shear"), [(30, 1, (0, 0), 0), (-12, 1.3, (2, -1), 0), (0, 0.8, (0.5, 0.25), 20)]
)
def test_affine_is_torchvision_s(degrees, zoom, shift, shear):
    theirs, x = oracle(), images(2, 3, 16, 20)
    numbers = (torch.tensor([float(v)] * 2, dtype=torch.float64) for v in (degrees, zoom))
    move = torch.tensor([shift] * 2, dtype=torch.float64)
    ours = affine(x, matrix(*numbers, move, torch.full((2,), float(shear), dtype=torch.float64)))
    # torchvision's shear has the other sign and turns after it, as ours does.
    want = theirs.affine(
        x, degrees, list(shift), zoom, [-shear, 0] if shear else [0, 0], interpolation=theirs.InterpolationMode.BILINEAR
    )
    assert torch.allclose(ours, want, atol=2e-5)


def test_a_rotation_by_a_quarter_is_exact():
    x = images(h=8, w=8)
    quarter = torch.tensor([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0]]).expand(4, 2, 3)
    assert torch.allclose(affine(x, quarter), x.rot90(1, (2, 3)), atol=1e-5)


def test_a_resized_crop_is_torchvision_s():
    theirs, x = oracle(), images(4, 3, 16, 20)
    boxes = torch.tensor([[0, 0, 16, 20], [3, 5, 7, 9], [15, 19, 1, 1], [0, 4, 16, 3]])
    ours = resized_crop(x, boxes.float())
    for row, (top, left, height, width) in enumerate(boxes.tolist()):
        want = theirs.resized_crop(x[row], top, left, height, width, [16, 20], antialias=True)
        assert torch.allclose(ours[row], want, atol=1e-5)


@pytest.mark.parametrize("factor", [0.0, 0.6, 1.0, 1.7])
def test_colours_are_torchvision_s(factor):
    theirs, x = oracle(), images()
    factors = torch.full((4,), factor)
    assert torch.allclose(brightness(x, factors), theirs.adjust_brightness(x, factor), atol=1e-6)
    assert torch.allclose(contrast(x, factors), theirs.adjust_contrast(x, factor), atol=1e-5)
    assert torch.allclose(saturation(x, factors), theirs.adjust_saturation(x, factor), atol=1e-5)


@pytest.mark.parametrize("turn", [-0.5, -0.2, 0.0, 0.07, 0.5])
def test_hue_is_torchvision_s(turn):
    theirs, x = (
        oracle(),
        torch.cat((images(), torch.eye(3)[:, :, None, None].expand(3, 3, 9, 7), torch.ones(1, 3, 9, 7))),
    )
    assert torch.allclose(hue(x, torch.full((8,), turn)), theirs.adjust_hue(x, turn), atol=1e-5)


def test_a_grey_image_has_no_colour_to_change():
    x = images(c=1)
    assert torch.equal(hue(x, torch.full((4,), 0.3)), x)
    assert torch.equal(saturation(x, torch.full((4,), 0.3)), x)


def test_normalise_is_torchvision_s():
    theirs, x = oracle(), bytes_()
    want = theirs.normalize(x.float() / 255, [0.5, 0.4, 0.3], [0.2, 0.25, 0.3])
    assert torch.allclose(normalise(x, (0.5, 0.4, 0.3), (0.2, 0.25, 0.3)), want, atol=1e-6)


def test_erasing_paints_the_box_alone():
    x, (boxes,) = bytes_(60), draw("erase(1)", 0, 0, torch.arange(60), (9, 7))
    out = augment("erase(1)", x, (boxes,), torch.tensor([0.2, 0.4, 0.6])[:, None, None])
    for row, (top, left, height, width) in enumerate(boxes.tolist()):
        assert 0 <= top <= top + height <= 9
        assert 0 <= left <= left + width <= 7
        want = x[row].clone()
        want[:, top : top + height, left : left + width] = torch.tensor([51, 102, 153], dtype=torch.uint8)[
            :, None, None
        ]
        assert torch.equal(out[row], want)


@pytest.mark.parametrize("plan", ["mixup(1)", "cutmix"])
def test_mixing_shares_pixels_and_labels_alike(plan):
    n = 16
    x = torch.arange(n).float()[:, None, None, None].expand(n, 1, 8, 8) / n
    parameters = draw(plan, 3, 1, torch.arange(n), (8, 8))
    mixed, y = mix(plan, x, torch.arange(n), parameters, n)
    assert torch.allclose(y.sum(1), torch.ones(n))
    assert torch.allclose(mixed.mean((1, 2, 3)), (y * torch.arange(n) / n).sum(1), atol=1e-5)
    assert sorted(parameters[0][:, 0].long().tolist()) == list(range(n))  # everyone is mixed in once
    assert not (parameters[0][:, 0].long() == torch.arange(n)).any()


def test_mixing_takes_labels_that_are_shares_already():
    y = torch.tensor([[1.0, 1.0], [0.0, 1.0]])
    parameters = draw("mixup", 0, 0, torch.arange(2), (2, 2))
    mixed = mix("mixup", torch.zeros(2, 1, 2, 2), y, parameters, 2)[1]
    assert torch.allclose(mixed[:, 1], torch.ones(2))
    assert mix("crop", torch.zeros(2, 1, 2, 2), torch.tensor([0, 1]), (torch.zeros(2, 2),), 2)[1].dtype == torch.int64


@pytest.mark.parametrize("alpha", [0.2, 0.5, 1.0, 4.0])
def test_beta_has_its_quantiles(alpha):
    scipy = pytest.importorskip("scipy.stats")
    u = torch.linspace(0, 1, 1001, dtype=torch.float64)
    assert np.abs(beta(u, alpha).numpy() - scipy.beta.ppf(u.numpy(), alpha, alpha)).max() < 2e-6


# -- parameters -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", PLAIN)
def test_parameters_belong_to_seed_step_and_sample(kind):
    (together,) = draw(kind, 1, 5, torch.tensor([3, 4, 5] * 20))
    (alone,) = draw(kind, 1, 5, torch.tensor([4]))
    assert torch.equal(together[1:2], alone)
    wide = torch.arange(200)
    assert not torch.equal(draw(kind, 1, 5, wide)[0], draw(kind, 2, 5, wide)[0])
    if kind != "alternate":  # which is the same at every step
        assert not torch.equal(draw(kind, 1, 5, wide)[0], draw(kind, 1, 6, wide)[0])


@pytest.mark.parametrize(("plan", "most"), [("shift", 2), ("crop", 4), ("crop(1)", 1), ("crop(3, mode=reflect)", 3)])
def test_offsets_are_uniform_in_their_range(plan, most):
    (offsets,) = draw(plan, 0, 0, torch.arange(20000))
    for column in offsets.T:
        counts = torch.bincount(column + most, minlength=2 * most + 1)
        assert len(counts) == 2 * most + 1
        assert (counts - 20000 / (2 * most + 1)).abs().max() < 400


@pytest.mark.parametrize(("plan", "share"), [("flip", 0.5), ("flip(0.1)", 0.1), ("vflip(p=1)", 1.0)])
def test_flips_come_as_often_as_asked(plan, share):
    (turn,) = draw(plan, 0, 0, torch.arange(20000))
    assert turn.dtype == torch.bool
    assert abs(turn.double().mean() - share) < 0.015


def test_affine_parameters_are_in_their_range():
    (m,) = draw("affine", 0, 0, torch.arange(5000))
    zoom = 1 / torch.linalg.det(m[:, :, :2]).sqrt()
    angle = torch.atan2(m[:, 0, 1], m[:, 0, 0]).rad2deg()
    shift = -(torch.linalg.inv(m[:, :, :2]) @ m[:, :, 2:])[:, :, 0]
    for values, low, high in ((zoom, 0.9, 1.1), (angle, -10, 10), (shift[:, 0], -2, 2), (shift[:, 1], -2, 2)):
        assert low - 1e-4 <= values.min() < low + 0.02 * (high - low)
        assert high + 1e-4 >= values.max() > high - 0.02 * (high - low)


def test_crops_have_the_area_and_shape_asked_for():
    (boxes,) = draw("resized_crop(scale=0.25..0.5, ratio=0.8..1.25)", 0, 0, torch.arange(4000), (100, 100))
    area, shape = boxes[:, 2] * boxes[:, 3] / 1e4, boxes[:, 3] / boxes[:, 2]
    assert 0.24 < area.min() < 0.27
    assert 0.48 < area.max() < 0.51
    assert 0.78 < shape.min() < 0.82
    assert 1.2 < shape.max() < 1.28
    assert abs(shape.log().mean()) < 0.01
    assert (boxes[:, 0] + boxes[:, 2] <= 100).all()
    assert (boxes[:, 1] + boxes[:, 3] <= 100).all()


def test_the_kinds_of_a_chain_draw_apart():
    first, second = draw("shift+crop", 0, 0, torch.arange(500))
    assert np.abs(np.corrcoef(torch.cat([first, second], 1).T) - np.eye(4)).max() < 0.15


# -- as a whole -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("plan", ["none", *PLAIN, *CHAINS])
@pytest.mark.parametrize("channels", [1, 3])
def test_shape_and_range_stay_and_the_input_too(plan, channels):
    for x in (images(4, channels), bytes_(4, channels)):
        before, parameters = x.clone(), draw(plan, 0, 0, torch.arange(4), (9, 7))
        out = augment(plan, x, parameters, 0.4)
        assert out.shape == x.shape
        assert out.min() >= -1e-6
        assert out.max() <= (1.0 + 1e-5 if out.is_floating_point() else 255)
        assert torch.equal(x, before)
        assert torch.equal(out, augment(plan, x, draw(plan, 0, 0, torch.arange(4), (9, 7)), 0.4))
        none = augment(plan, x[:0], draw(plan, 0, 0, torch.arange(0), (9, 7)))
        assert none.shape == (0, channels, 9, 7)


@pytest.mark.parametrize("plan", PLAIN)
def test_bytes_and_floats_are_changed_alike(plan):
    x, parameters = bytes_(), draw(plan, 0, 0, torch.arange(4), (9, 7))
    as_bytes, as_floats = augment(plan, x, parameters, 0.4), augment(plan, x.float() / 255, parameters, 0.4)
    as_bytes = as_bytes if as_bytes.is_floating_point() else as_bytes.float() / 255
    assert torch.allclose(as_bytes, as_floats, atol=1e-6)


@pytest.mark.parametrize("plan", CHAINS)
def test_compiled_equals_eager(plan):
    x, parameters = images(), draw(plan, 0, 0, torch.arange(4), (9, 7))
    compiled = torch.compile(lambda x, p: augment(plan, x, p, 0.5), backend="aot_eager", fullgraph=True)
    assert torch.allclose(compiled(x, parameters), augment(plan, x, parameters, 0.5), atol=1e-6)


# -- what is asked ----------------------------------------------------------------------------------------------------


def test_a_plan_is_read_without_torch():
    code = "from chainrule.data.augment.plan import parse; parse('crop'); import sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("shfit", "'shfit' is unknown: expected none, shift, flip"),
        ("shfit", "did you mean shift?"),
        ("", "'' is unknown"),
        ("none+flip", "'none' is unknown"),
        ("flip+", "'' is unknown"),
        ("crop(4", "'crop(4' is unknown"),
        ("flip+flip(0.1)", "flip stands twice"),
        ("mixup+cutmix", "mixup and cutmix: expected one of them"),
        ("crop(sides=4)", "crop does not take 'sides=4'; it takes padding, mode"),
        ("crop(mode=reflekt)", "crop mode=reflekt: expected zeros or reflect"),
        ("crop(2.5)", "crop padding=2.5: expected an integer in 0…4096"),
        ("flip(2)", "flip p=2: expected a number in 0…1"),
        ("flip(nan)", "flip p=nan: expected a number in 0…1"),
        ("resized_crop(scale=1..0.5)", "expected a range low..high in 0.01…1"),
        ("jitter(strength=0.1, strength=0.2)", "jitter has strength twice"),
        ("jitter(0.1, 0.2)", "jitter does not take '0.2'"),
        ("alternate(1)", "alternate does not take '1'; it takes no option"),
        ("my module:fn", "expected package.module:function"),
    ],
)
def test_a_wrong_plan_is_one_line(text, says):
    with pytest.raises(UserError) as caught:
        parse(text)
    assert len(caught.value.lines) == 1
    assert says in str(caught.value)
    with pytest.raises(UserError) as caught:
        settings.make({"augment": text})
    assert len(caught.value.lines) == 1


def test_a_loss_that_cannot_take_shares_is_refused():
    with pytest.raises(UserError, match="mixup mixes labels, which loss=nll cannot take"):
        settings.parse(["augment=mixup", "loss=nll"])


def test_a_mirror_wider_than_the_image_is_refused():
    with pytest.raises(UserError, match="expected a padding below 3"):
        draw("crop(4, mode=reflect)", 0, 0, torch.arange(2), (3, 8))


def test_every_kind_says_what_it_does_in_both_languages():
    assert all(kind.en.isascii() and any("\u4e00" <= c <= "\u9fff" for c in kind.zh) for kind in KINDS.values())


# -- one's own --------------------------------------------------------------------------------------------------------

OWN = """
import torch, random, numpy
from pathlib import Path
def dim(image):
    return image // 2
def noise(image):
    assert image.dtype == torch.uint8 and image.ndim == 3
    return (image.float() / 255 + torch.rand(()) * 0 + random.random() * 0 + numpy.random.rand() * 0.1).clamp(0, 1)
def batch(x):
    return 1 - x
batch.batched = True
def wrong(image):
    return image[:, 1:]
def nothing(image):
    return None
def broken(image):
    raise KeyError("two\\nlines")
class Thing:
    pass
number = 3
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A module `my_changes` in the working folder."""
    (tmp_path / "my_changes.py").write_text(OWN)
    (tmp_path / "my_syntax.py").write_text("def")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    sys.modules.pop("my_changes", None)


def test_own_functions_of_an_image_and_of_a_batch(own):
    x = bytes_()
    run = lambda plan, step=0, rows=slice(None): augment(  # noqa: E731
        plan, x[rows], draw(plan, 0, step, torch.arange(4)[rows], (9, 7))
    )
    assert torch.equal(run("my_changes:dim"), (x // 2).float() / 255)
    assert torch.allclose(run("my_changes:batch"), 1 - x.float() / 255)
    assert torch.equal(run("my_changes:noise"), run("my_changes:noise"))
    assert torch.equal(run("my_changes:noise")[2:], run("my_changes:noise", rows=slice(2, None)))
    assert not torch.equal(run("my_changes:noise"), run("my_changes:noise", step=1))
    assert run("crop+my_changes:dim+flip").shape == x.shape


def test_a_function_given_from_python_is_named(own):
    import my_changes

    assert settings.make({"augment": my_changes.dim}).augment == "my_changes:dim"
    with pytest.raises(UserError, match="put it into mymodule"):
        settings.make({"augment": lambda image: image})


def test_torchvision_s_objects_plug_in(tmp_path, monkeypatch):
    oracle()
    (tmp_path / "my_vision.py").write_text(
        "from torchvision.transforms import v2\n"
        "change = v2.Compose([v2.RandomCrop(8, padding=2), v2.ColorJitter(0.5)])\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    x, plan = bytes_(4, 3, 8, 8), "my_vision:change"
    first, again = (augment(plan, x, draw(plan, 0, 0, torch.arange(4), (8, 8))) for _ in range(2))
    assert torch.equal(first, again)
    assert first.shape == x.shape
    assert not torch.allclose(first, x.float() / 255)


# What the two libraries document of their objects, for machines that have neither: kornia's modules change a batch of
# floats and draw from torch; albumentations' objects change image=[H, W, C] in bytes and draw from states of their own.
STANDINS = {
    "kornia_standin": """
import torch
class RandomHorizontalFlip(torch.nn.Module):
    def forward(self, x):
        assert x.is_floating_point() and x.ndim == 4
        return torch.where(torch.rand(len(x), 1, 1, 1) < 0.5, x.flip(-1), x)
""",
    "albumentations_standin": """
import numpy
class HorizontalFlip:
    def __init__(self):
        self.set_random_seed(None)
    def set_random_seed(self, seed):
        self.random_generator = numpy.random.default_rng(seed)
    def __call__(self, *, image):
        assert image.dtype == numpy.uint8 and image.shape == (9, 7, 3)
        return {"image": image[:, ::-1] if self.random_generator.random() < 0.5 else image}
""",
}
OBJECTS = {
    "kornia_one": "import {kornia}\nkornia_one = {kornia}.RandomHorizontalFlip()",
    "kornia_row": "import torch, {kornia}\nkornia_row = torch.nn.Sequential({kornia}.RandomHorizontalFlip())",
    "albumentations_one": "import {albumentations}\nalbumentations_one = {albumentations}.HorizontalFlip()",
}
REAL = {"kornia": "kornia.augmentation", "albumentations": "albumentations"}


@pytest.mark.parametrize("name", OBJECTS)
@pytest.mark.parametrize("real", [False, True])
def test_objects_of_kornia_and_albumentations_plug_in(tmp_path, monkeypatch, name, real):
    if real:
        pytest.importorskip(name.partition("_")[0])
    for module, source in STANDINS.items():
        (tmp_path / f"{module}.py").write_text(source)
    text = OBJECTS[name].format(**(REAL if real else {library: f"{library}_standin" for library in REAL}))
    (tmp_path / "my_objects.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "my_objects", raising=False)
    load_own.cache_clear()
    x, plan = bytes_(40, 3, 9, 7), f"my_objects:{name}"
    before = torch.get_rng_state()
    found = [augment(plan, x, draw(plan, 0, step, torch.arange(40), (9, 7))) for step in (0, 0, 1)]
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])
    plain = x.float() / 255
    flipped = [torch.allclose(out, there.flip(-1)) for out, there in zip(found[0], plain, strict=True)]
    assert 5 < sum(flipped) < 35
    assert all(flip or torch.allclose(found[0][i], plain[i]) for i, flip in enumerate(flipped))


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("my_absent:f", "importing my_absent failed: ModuleNotFoundError"),
        ("my_syntax:f", "importing my_syntax failed: SyntaxError"),
        ("my_changes:dimm", "my_changes has no 'dimm'; did you mean dim?"),
        ("my_changes:number", "a int: expected a function"),
        ("my_changes:Thing", "a type: expected a function"),
        ("my_changes:wrong", "gave shape [3, 8, 7]: expected a tensor of shape [3, 9, 7]"),
        ("my_changes:nothing", "gave NoneType"),
        ("my_changes:broken", "failed with KeyError"),
    ],
)
def test_a_wrong_function_is_one_line(own, name, says):
    with pytest.raises(UserError) as caught:
        augment(name, bytes_(), draw(name, 0, 0, torch.arange(4), (9, 7)))
    assert len(caught.value.lines) == 1
    assert says in str(caught.value)


def test_the_order_of_samples_says_nothing_about_their_changes():
    order = indices(0, 0, 0, 500, 500)
    (turn,) = draw("flip", 0, 0, order)
    assert abs(np.corrcoef(order, turn)[0, 1]) < 0.15
