"""Our weights under the names of others, and back: every family with drawn numbers; published addresses."""

import hashlib
import io
from urllib.error import URLError

import pytest
import torch
from safetensors.torch import load_file

from chainrule.catalog import MODELS, build_model
from chainrule.errors import UserError
from chainrule.zoo import published
from chainrule.zoo.weights import load_weights
from chainrule.zoo.writing import renamed, write_weights

IMAGES = [name for name, entry in MODELS.items() if entry.size and "in_channels" in entry.options]
SMALL = [name for name in IMAGES if (MODELS[name].parameters or 0) < 12_000_000]


def drawn(name, seed):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        made = build_model(name)
        for value in made.state_dict().values():
            value.copy_(torch.rand_like(value) + 0.5) if value.is_floating_point() else value.fill_(seed)
    return made


def equal(a, b):
    own, other = a.state_dict(), b.state_dict()
    return own.keys() == other.keys() and all(torch.equal(own[key], other[key]) for key in own)


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("to", ["torchvision", "timm"])
def test_weights_go_out_and_come_back_bit_by_bit(tmp_path, name, to):
    source, target = drawn(name, 1), build_model(name)
    try:
        write_weights(source, tmp_path / "w.safetensors", to, name)
    except UserError as error:
        assert to == "timm" and "has no names for" in str(error)
        assert name.startswith(("lenet", "alexnet", "airbench"))
        return
    report = load_weights(target, tmp_path / "w.safetensors", name, adapt=False)
    assert equal(source, target)
    assert report.naming in (to, "torchvision")


@pytest.mark.parametrize("name", [name for name in IMAGES if name not in SMALL])
def test_names_of_large_models_are_matched_back(name):
    from chainrule.zoo.matching import match

    with torch.device("meta"):
        made = build_model(name)
    shapes = {key: tuple(value.shape) for key, value in made.state_dict().items()}
    try:
        theirs = renamed(made, "timm", name)
    except UserError:
        assert name.startswith("alexnet")
        return
    found = match(shapes, dict(sorted(theirs.items())))
    assert not (found.faults or found.extra)


def test_a_pth_is_plain_tensors_that_torch_reads_with_weights_only(tmp_path):
    write_weights(drawn("resnet8", 1), tmp_path / "w.pth", "torchvision")
    kept = torch.load(tmp_path / "w.pth", weights_only=True)
    assert equal(drawn("resnet8", 1), build_model("resnet8")) is False
    assert all(torch.equal(kept[key], value) for key, value in drawn("resnet8", 1).state_dict().items())


def test_a_safetensors_file_says_that_it_is_of_torch(tmp_path):
    write_weights(drawn("resnet8", 1), tmp_path / "w.safetensors")
    assert b'"format":"pt"' in (tmp_path / "w.safetensors").read_bytes()[:200]
    assert list(load_file(tmp_path / "w.safetensors"))


def refused(tmp_path):
    (tmp_path / "there.pth").write_text("")
    (tmp_path / "file").write_text("")
    (tmp_path / "link.pth").symlink_to(tmp_path / "nowhere")
    yield "another suffix", "w.bin", "torchvision", "ends in"
    yield "no suffix", "w", "torchvision", "ends in"
    yield "a .pth of safetensors", "w.pth", "safetensors", "writes a .safetensors"
    yield "a file that is there", "there.pth", "torchvision", "already there"
    yield "a link", "link.pth", "torchvision", "already there"
    yield "no folder", "no/where/w.pth", "torchvision", "no such folder"
    yield "a file for a folder", "file/w.pth", "torchvision", "no such folder"
    yield "a name too long", f"{'x' * 300}.pth", "torchvision", "File name too long"
    yield "no such names", "w.pth", "course", "no names for"


def test_where_nothing_can_be_written_is_one_line(tmp_path):
    for what, file, to, words in refused(tmp_path):
        with pytest.raises(UserError) as caught:
            write_weights(build_model("resnet8"), tmp_path / file, to)
        assert len(caught.value.lines) == 1, what
        assert words in str(caught.value), f"{what}: {caught.value}"


# ---- published addresses --------------------------------------------------------------------------------------------


def test_every_published_file_is_of_a_model_and_names_its_sha256():
    for name, one in published.WEIGHTS.items():
        assert name == one.model
        assert one.url.startswith("https://")
        assert len(one.begins) == 8
        assert int(one.begins, 16) >= 0


def served(data):
    return lambda url: io.BytesIO(data)


@pytest.fixture
def small(monkeypatch):
    data = b"weights" * 100
    name = f"net-{hashlib.sha256(data).hexdigest()[:8]}.pth"
    monkeypatch.setitem(
        published.WEIGHTS, "net", published.Published("net", f"https://x/{name}", 0.001, 50.0, "imagenet")
    )
    return data


def test_fetched_weights_are_compared_and_kept(tmp_path, small):
    path = published.fetch("net", tmp_path / "new", served(small))
    assert path.read_bytes() == small
    assert published.fetch("net", tmp_path / "new", served(b"")) == path  # there and right: nothing is asked for
    path.write_bytes(b"damaged")
    assert published.fetch("net", tmp_path / "new", served(small)).read_bytes() == small


def broken(url):
    raise URLError("no route")


@pytest.mark.parametrize(
    ("opener", "words"),
    [
        (served(b"other"), "sha256"),
        (served(b"x" * 10_000), "more than the expected"),
        (broken, "no route"),
    ],
)
def test_wrong_bytes_are_refused_and_leave_nothing(tmp_path, small, opener, words):
    with pytest.raises(UserError, match=words):
        published.fetch("net", tmp_path, opener)
    assert list(tmp_path.iterdir()) == []


def test_unknown_names_are_answered_with_the_nearest():
    with pytest.raises(UserError, match="did you mean mobilenet_v2"):
        published.get("mobilenetv2")
