"""The block diagram: what flows where, read from the forward; nothing overlaps; SVG and Mermaid are well formed."""

import re
import xml.etree.ElementTree as ET

import pytest
import torch

from chainrule import nn
from chainrule.catalog import MODELS, build_model
from chainrule.errors import UserError
from chainrule.look.diagram import diagram
from chainrule.look.flow import parts
from chainrule.look.placing import main_row, place

SVG = "{http://www.w3.org/2000/svg}"
DRAWN = (
    "lenet5",
    "mlp",
    "resnet20",
    "resnet50",
    "vgg16_bn",
    "alexnet_two_towers",
    "mobilenet_v2",
    "mobilenet_v3_small",
)


def made(name):
    with torch.device("meta"):
        return build_model(name)


def drawn(name):
    return parts(made(name), MODELS[name].size)


@pytest.mark.parametrize("name", DRAWN)
def test_svg_and_mermaid_are_whole(name):
    svg, mermaid = diagram(made(name), MODELS[name].size, name, "a < b & c · 说明")
    root = ET.fromstring(svg)
    said = [t.text for t in root.iter(f"{SVG}text")]
    assert name in said and "a < b & c · 说明" in said
    width, height = (float(root.get(side)) for side in ("width", "height"))
    for item in root.iter(f"{SVG}text"):
        assert 0 <= float(item.get("x")) <= width and 0 <= float(item.get("y")) <= height
    assert mermaid.count("subgraph") == mermaid.count("\nend\n") == len(drawn(name))
    nodes = set(re.findall(r"^(p\d+_\d+)[(\[]", mermaid, re.MULTILINE))
    assert set(re.findall(r"p\d+_\d+", mermaid)) == nodes
    assert mermaid.count('"') % 2 == 0


@pytest.mark.parametrize("name", DRAWN)
def test_no_box_covers_another(name):
    for number, part in enumerate(drawn(name)):
        places = list(place(part.boxes, whole=number == 0).places.values())
        assert len(places) == len(part.boxes)
        for i, one in enumerate(places):
            for other in places[:i]:
                apart = abs(one.x - other.x) - (one.width + other.width) / 2
                above = abs(one.y - other.y) - (one.height + other.height) / 2
                assert apart > 8 or above > 8, (one.box, other.box)


def test_Z14_the_residual_block_is_drawn_with_its_norms_and_both_shortcuts():
    _, projected, identity = drawn("resnet50")
    assert (projected.times, projected.path, identity.times) == (4, "layer2.0", 12)
    told = [(b.title, b.detail, b.notes) for b in projected.boxes if b.kind == "conv"]
    assert told == [
        ("1×1 conv", "stride 2", ["BN"]),
        ("1×1 conv", "", ["BN", "ReLU"]),
        ("3×3 conv", "stride 2", ["BN", "ReLU"]),
        ("1×1 conv", "", ["BN"]),
    ]
    (around,) = place(projected.boxes, whole=False).bypasses
    assert [projected.boxes[at].title for at in around.boxes] == ["1×1 conv"]
    (direct,) = place(identity.boxes, whole=False).bypasses
    assert direct.boxes == [] and identity.boxes[direct.start].kind == "input"
    assert (identity.boxes[direct.end].title, identity.boxes[direct.end].notes) == ("+", ["ReLU"])


def test_the_whole_gathers_blocks_alike():
    whole = drawn("resnet50")[0]
    assert [(b.title, b.times, b.shape) for b in whole.boxes if b.kind == "block"] == [
        ("Bottleneck", 3, (256, 56, 56)),
        ("Bottleneck", 4, (512, 28, 28)),
        ("Bottleneck", 6, (1024, 14, 14)),
        ("Bottleneck", 3, (2048, 7, 7)),
    ]


def test_an_attention_inside_has_a_frame_and_the_residual_runs_above_it():
    block = next(
        p for p in drawn("mobilenet_v3_small")[1:] if {b.title for b in p.boxes if b.kind == "sum"} == {"+", "×"}
    )
    inside = [b.title for b in block.boxes if b.group[1] == "SqueezeExcitation"]
    assert inside == ["avg pool", "1×1 conv", "1×1 conv", "×"]
    near, far = sorted(place(block.boxes, whole=False).bypasses, key=lambda b: b.lane)
    assert (block.boxes[near.end].title, block.boxes[far.end].title) == ("×", "+")
    assert far.y < near.y and len(main_row(block.boxes)) == len(block.boxes)


class Forked(torch.nn.Module):
    def __init__(self, depends=False):
        super().__init__()
        self.one, self.two, self.out = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(8, 2)
        self.depends = depends

    def forward(self, x):
        if self.depends and x.sum() > 0:
            x = -x
        return self.out(torch.cat([self.one(x), self.two(x)], 1))


def test_a_network_of_ones_own_is_drawn_from_its_forward():
    (whole,) = parts(Forked().train(), (4,))
    assert [b.title for b in whole.boxes] == ["x", "linear", "linear", "cat", "linear"]
    assert whole.boxes[3].sources == (1, 2)
    svg, _ = diagram(Forked(), (4,), "Forked")
    assert svg.count("<rect") >= 6


def test_what_cannot_be_drawn_is_one_line_and_the_mode_is_kept():
    network = Forked(depends=True).train()
    with pytest.raises(UserError, match=r"Forked cannot be drawn for input of \[4\]: symbolically traced"):
        parts(network, (4,))
    assert network.training
    with pytest.raises(UserError, match=r"cannot be drawn for input of \[5\]"):
        parts(Forked(), (5,))
