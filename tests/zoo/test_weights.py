"""Weights from elsewhere: what is loaded, adapted, left, and what is refused."""

import pytest
import torch
from safetensors.torch import save_file

from chainrule import nn
from chainrule.errors import UserError
from chainrule.zoo.resnet import resnet8
from chainrule.zoo.weights import load_weights, set_norm


def drawn(model, seed=1):
    """The network with every number of its state drawn, running statistics too."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        for value in model.state_dict().values():
            if value.is_floating_point():
                value.copy_(torch.randn_like(value) / 5 if value.ndim > 1 else torch.rand_like(value) + 0.5)
    return model


def saved(path, model, **changes):
    save_file({**{k: v.contiguous() for k, v in model.state_dict().items()}, **changes}, path)
    return path


def equal(a, b, but=()):
    own, other = a.state_dict(), b.state_dict()
    return all(torch.equal(own[k], other[k]) for k in own if not k.startswith(tuple(but) or "?"))


def test_the_same_network_answers_bit_by_bit(tmp_path):
    source, target, x = drawn(resnet8()), resnet8(), torch.rand(2, 3, 16, 16)
    report = load_weights(target, saved(tmp_path / "w.safetensors", source), "resnet8")
    assert torch.equal(source.eval()(x), target.eval()(x))
    assert report.lines == [
        "weights w.safetensors; torchvision's names, which are ours",
        "loaded  47 tensors, 78,042 parameters",
    ]


def test_other_classes_get_a_new_head_and_hear_of_it(tmp_path):
    target = resnet8(num_classes=3)
    fresh = target.fc.weight.clone()
    report = load_weights(target, saved(tmp_path / "w.safetensors", drawn(resnet8())))
    assert report.lines[-1] == "adapted fc: a new last layer for 3 classes (10 in the file)"
    assert report.head
    assert torch.equal(target.fc.weight, fresh)
    assert equal(target, drawn(resnet8()), but=["fc"])


def test_a_file_without_a_head_is_a_backbone(tmp_path):
    weights = {k: v for k, v in drawn(resnet8()).state_dict().items() if not k.startswith("fc")}
    torch.save(weights, tmp_path / "w.pth")
    assert "(none in the file)" in load_weights(resnet8(), tmp_path / "w.pth").lines[-1]


def test_the_background_class_of_1001_is_dropped(tmp_path):
    source, target = drawn(resnet8(1001)), resnet8(1000)
    report = load_weights(target, saved(tmp_path / "w.safetensors", source), adapt=False)
    assert torch.equal(target.fc.weight, source.fc.weight[1:])
    assert torch.equal(target.fc.bias, source.fc.bias[1:])
    assert "without the first" in report.lines[-1]


@pytest.mark.parametrize("channels", [1, 6])
def test_a_first_convolution_for_other_channels_answers_alike_to_equal_channels(tmp_path, channels):
    source, target = drawn(resnet8().double()).eval(), resnet8(in_channels=channels).double().eval()
    grey = torch.rand(2, 1, 16, 16, dtype=torch.float64)
    report = load_weights(target, saved(tmp_path / "w.safetensors", source))
    torch.testing.assert_close(target(grey.expand(-1, channels, -1, -1)), source(grey.expand(-1, 3, -1, -1)))
    assert report.lines[-1].startswith(f"adapted conv1: 3 → {channels} input channels")


def test_a_first_convolution_for_four_channels_has_the_colours_again(tmp_path):
    source, target = drawn(resnet8()), resnet8(in_channels=4)
    load_weights(target, saved(tmp_path / "w.safetensors", source))
    assert torch.equal(target.conv1.weight, source.conv1.weight[:, [0, 1, 2, 0]] * 0.75)


def test_a_first_convolution_of_another_kernel_stays_new(tmp_path):
    target = resnet8()
    wide = saved(tmp_path / "w.safetensors", drawn(resnet8()), **{"conv1.weight": torch.ones(16, 3, 7, 7)})
    fresh = target.conv1.weight.clone()
    assert load_weights(target, wide).lines[-1] == "adapted conv1: new, 3×3 here and 7×7 in the file"
    assert torch.equal(target.conv1.weight, fresh)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_other_precisions_are_converted_and_named(tmp_path, dtype):
    source = drawn(resnet8())
    target = resnet8()
    torch.save({k: v.to(dtype) if v.is_floating_point() else v for k, v in source.state_dict().items()}, tmp_path / "w")
    report = load_weights(target, tmp_path / "w")
    assert report.lines[1].endswith(f"from {str(dtype).removeprefix('torch.')}")
    assert target.fc.weight.dtype == torch.float32
    assert torch.equal(target.fc.weight, source.fc.weight.to(dtype).float())


def test_counters_may_be_missing_and_unknown_parts_are_left(tmp_path):
    weights = {k: v for k, v in drawn(resnet8()).state_dict().items() if "num_batches" not in k}
    torch.save({**weights, "aux.weight": torch.ones(2), "ema_decay": 0.9}, tmp_path / "w.pth")
    report = load_weights(resnet8(), tmp_path / "w.pth")
    assert report.lines[-1] == "left    2 in the file that the network has not: aux.weight, ema_decay"


def test_names_of_pytorch_resnet_cifar10_and_of_a_wrapper(tmp_path):
    source = drawn(resnet8())
    renamed = {f"net.{k.replace('fc.', 'linear.')}": v for k, v in source.state_dict().items()}
    torch.save({"state_dict": renamed}, tmp_path / "w.th")
    target = resnet8()
    assert load_weights(target, tmp_path / "w.th").naming == "akamaster"
    assert equal(source, target)


def test_norms_are_set_where_the_weights_need_others():
    model = resnet8()
    assert set_norm(model, None) is None
    assert set_norm(model, (1e-5, 0.1)) is None  # as it is
    assert set_norm(model, (1e-3, 0.01)) == (1e-3, 0.01)
    assert {(m.eps, m.momentum) for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d)} == {(1e-3, 0.01)}


def refused(tmp_path):
    """What is wrong → (network, weights, adapt, words of the line)."""
    good = drawn(resnet8()).state_dict()
    nan, inf = good["fc.weight"].clone(), good["bn1.running_var"].clone()
    nan[0, 0], inf[3] = float("nan"), float("inf")
    mlp = nn.Sequential(nn.Flatten(), nn.Linear(9, 4), nn.ReLU(), nn.Linear(4, 2))
    yield "nan", resnet8(), good | {"fc.weight": nan}, True, "1 of 640 numbers that are nan"
    yield "infinite", resnet8(), good | {"bn1.running_var": inf}, True, "infinite"
    yield (
        "integers",
        resnet8(),
        good | {"conv1.weight": good["conv1.weight"].to(torch.int8)},
        True,
        "conv1.weight is int8",
    )
    yield "complex", resnet8(), good | {"conv1.weight": good["conv1.weight"] * 1j}, True, "complex64"
    yield "float counters", resnet8(), good | {"bn1.num_batches_tracked": torch.tensor(3.0)}, True, "whole numbers"
    yield "another model", mlp, good, True, "not weights of Sequential: 2 of 4 tensors are missing"
    yield "of resnet8, nearly", mlp, good, True, "it looks like resnet8"
    yield (
        "a tensor less",
        resnet8(),
        {k: v for k, v in good.items() if k != "layer1.0.bn1.bias"},
        True,
        "layer1.0.bn1.bias",
    )
    yield "another shape", resnet8(), good | {"layer1.0.conv1.weight": torch.ones(16, 16, 5, 5)}, True, "[16, 16, 5, 5]"
    yield "a block more", resnet8(), good | {"layer1.1.conv1.weight": torch.ones(1)}, True, "1 are not of it"
    yield "other widths", resnet8(), {k: v[:1] if v.ndim else v for k, v in good.items()}, True, "another shape"
    yield "other classes", resnet8(3), good, False, "3 classes here, 10 in the file"
    yield "other channels", resnet8(in_channels=1), good, False, "it takes 3 channels, here 1"
    yield "features of a head", resnet8(), good | {"fc.weight": torch.ones(10, 65)}, True, "fc.weight [10, 65]"
    yield (
        "another kernel",
        resnet8(),
        good | {"conv1.weight": torch.ones(16, 3, 5, 5)},
        False,
        "first convolution is 5×5",
    )


def test_what_does_not_fit_is_one_line_and_changes_nothing(tmp_path):
    for what, model, weights, adapt, words in refused(tmp_path):
        torch.save(weights, tmp_path / "w.pth")
        before = {k: v.clone() for k, v in model.state_dict().items()}
        try:
            pytest.fail(f"{what}: {load_weights(model, tmp_path / 'w.pth', adapt=adapt)}")
        except UserError as error:
            lines = error.lines
        assert len(lines) == 1, what
        assert words in lines[0], f"{what}: {lines[0]}"
        assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items()), what
