"""Files of weights: every form that is read, and one line for all that is none."""

import argparse
import io
import json
import os
import pickle
import re
import struct
import tarfile
import zipfile
from collections import OrderedDict

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from chainrule.errors import UserError
from chainrule.zoo.foreign import read_foreign

TORCH_FORMS = [pytest.param(True, id="zip"), pytest.param(False, id="legacy")]


def net():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.Linear(4, 2))


def save(value, path, new=True):
    torch.save(value, path, _use_new_zipfile_serialization=new)
    return path


def same(a, b):
    return list(a) == list(b) and all(torch.equal(a[key], b[key]) for key in a)


# ---- what is read ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("new", TORCH_FORMS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16])
def test_torch_files_are_read_bit_by_bit(tmp_path, new, dtype):
    weights = net().to(dtype).state_dict()
    assert same(read_foreign(save(weights, tmp_path / "w.pth", new)).tensors, weights)


@pytest.mark.parametrize("new", TORCH_FORMS)
def test_views_parameters_and_shared_storages(tmp_path, new):
    base = torch.arange(12.0)
    weights = {
        "row": base[3:7],
        "turned": base.reshape(3, 4).mT,
        "parameter": torch.nn.Parameter(base[:2]),
        "none": torch.empty(0, 3),
        "scalar": torch.tensor(5),
        "mask": torch.tensor([True, False]),
    }
    read = read_foreign(save(weights, tmp_path / "w.pt", new)).tensors
    assert same(read, {key: value.data for key, value in weights.items()})


def test_a_parameter_with_attributes(tmp_path):
    parameter = torch.nn.Parameter(torch.ones(2))
    parameter.note = "mine"
    assert torch.equal(read_foreign(save({"w": parameter}, tmp_path / "w.pt")).tensors["w"], torch.ones(2))


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_every_binary_pickle_protocol(tmp_path, protocol):
    weights = net().state_dict()
    torch.save(weights, tmp_path / "w.pt", pickle_protocol=protocol)
    assert same(read_foreign(tmp_path / "w.pt").tensors, weights)


def test_a_checkpoint_with_everything_beside_the_weights(tmp_path):
    model = net()
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.zeros(1, 3, 3, 6)).sum().backward()
    optimizer.step()
    kept = {
        "epoch": 3,
        "args": argparse.Namespace(lr=0.1),
        "best": np.float64(0.5),
        "optimizer": optimizer.state_dict(),
        "state_dict": {f"module.{key}": value for key, value in model.state_dict().items()},
    }
    found = read_foreign(save(kept, tmp_path / "checkpoint.pth.tar"))
    assert same(found.tensors, model.state_dict())
    assert found.notes == ["from its 'state_dict'", "without 'module.'"]


@pytest.mark.parametrize("wrapper", ["state_dict", "model", "model_state", "model_state_dict", "state_dict_ema", "ema"])
def test_wrappers(tmp_path, wrapper):
    found = read_foreign(save({"epoch": 1, wrapper: net().state_dict()}, tmp_path / "w.pth"))
    assert same(found.tensors, net().state_dict())


def test_a_moving_average_is_taken_before_the_weights(tmp_path):
    both = {"state_dict": {"w": torch.zeros(1)}, "state_dict_ema": {"w": torch.ones(1)}}
    assert read_foreign(save(both, tmp_path / "w.pth")).tensors["w"] == 1


def test_prefixes_one_inside_the_other(tmp_path):
    weights = {f"_orig_mod.module.{key}": value for key, value in net().state_dict().items()}
    save_file(weights, tmp_path / "w.safetensors")
    assert set(read_foreign(tmp_path / "w.safetensors").tensors) == set(net().state_dict())


# ---- what is refused ------------------------------------------------------------------------------------------------


class Evil:
    def __init__(self, *call):
        self.call = call

    def __reduce__(self):
        return self.call


def replace_in_zip(source, target, **entries):
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for info in old.infolist():
            data = old.read(info)
            short = info.filename.partition("/")[2]
            new.writestr(info.filename, entries.get(re.sub("[/.]", "_", short), data))
    return target


def pickled(*instructions):
    return b"\x80\x02" + b"".join(instructions) + b"."


def bad(tmp_path):
    """Name → (a file, a word of the one line that it must give)."""
    good = save(net().state_dict(), tmp_path / "good.pth")
    save(net().state_dict(), tmp_path / "old.pth", new=False)
    save_file(net().state_dict(), tmp_path / "good.safetensors")
    raw = {p: (tmp_path / p).read_bytes() for p in ("good.pth", "old.pth", "good.safetensors")}
    touched = tmp_path / "touched"

    def write(name, data):
        (tmp_path / name).write_bytes(data)
        return tmp_path / name

    def archive(name, **entries):
        return replace_in_zip(good, tmp_path / name, **entries)

    header = json.dumps({"w": {"dtype": "F32", "shape": [1 << 40], "data_offsets": [0, 1 << 42]}}).encode()
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("a/data.pkl", pickle.dumps({}))
        packed.writestr("a/data/0", bytes(1 << 24))
    arrays = io.BytesIO()
    np.savez(arrays, w=np.ones(3))
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as packed:
        packed.add(good, "w.pth")
    call = (os.system, (f"touch {touched}",))
    yield "missing", tmp_path / "absent.pth", "no such file"
    yield "a folder", tmp_path, "a folder"
    yield "empty", write("empty.pth", b""), "an empty file"
    yield "text", write("t.pth", b"layer1: 0.5\n"), "a text file"
    yield "a web page", write("h.pth", b"<!DOCTYPE html><html>404</html>"), "a web page"
    yield "a git-lfs pointer", write("l.pth", b"version https://git-lfs.github.com/spec/v1\noid"), "git-lfs"
    yield "JSON", write("j.safetensors", b'{"weight_map": {}}'), "a JSON file"
    yield "an image", write("i.pth", b"\x89PNG\r\n\x1a\n" + bytes(40)), "an image"
    yield "Keras", write("k.h5", b"\x89HDF\r\n\x1a\n" + bytes(40)), "HDF5"
    yield "gzip", write("g.pth", b"\x1f\x8b\x08" + bytes(40)), "unpack"
    yield "a tar archive", write("t.tar", tar.getvalue()), "a tar archive"
    yield "unknown bytes", write("u.pth", bytes(range(1, 200))), "no known format"
    yield "ONNX", write("m.onnx", b"\x08\x08\x12\x07pytorch" + bytes(9)), "ONNX"
    yield "truncated zip", write("z1.pth", raw["good.pth"][:-300]), "ends too early"
    yield "truncated in the middle", write("z2.pth", raw["good.pth"][:700]), "ends too early"
    yield "truncated legacy pickle", write("o1.pth", raw["old.pth"][:300]), "ends too early"
    yield "truncated legacy numbers", write("o2.pth", raw["old.pth"][:-5]), "ends too early"
    yield "truncated safetensors", write("s1.safetensors", raw["good.safetensors"][:-5]), "safetensors"
    yield "a safetensors of petabytes", write("s2.safetensors", struct.pack("<Q", len(header)) + header), "safetensors"
    yield "no safetensors header", write("s3.safetensors", struct.pack("<Q", 9) + b"{}}}}}}}}"), "safetensors"
    flipped = bytearray(raw["good.pth"])
    flipped[raw["good.pth"].index(net().state_dict()["0.weight"].numpy().tobytes()) + 40] ^= 1
    yield "a flipped bit", write("f.pth", bytes(flipped)), "checksum"
    yield "a pickled call", save({"w": Evil(*call)}, tmp_path / "e1.pth"), "nothing of it was run"
    yield "a pickled call, legacy", save({"w": Evil(*call)}, tmp_path / "e2.pth", new=False), "nothing of it was run"
    yield "a bare pickled call", write("e3.pth", pickle.dumps(Evil(*call))), "nothing of it was run"
    yield "eval", archive("e4.pth", data_pkl=pickle.dumps(Evil(eval, ("1+1",)), 2)), "nothing of it was run"
    yield "a call behind STOP", archive("e5.pth", data_pkl=pickle.dumps({}) + pickle.dumps(Evil(*call))), "empty"
    yield "getattr", archive("e6.pth", data_pkl=pickle.dumps(Evil(getattr, ("a", "upper")), 2)), "nothing of it was run"
    yield "INST", archive("e7.pth", data_pkl=b"(S'true'\nios\nsystem\n."), "nothing of it was run"
    yield "a call of OrderedDict's neighbour", archive("e8.pth", data_pkl=b"ccollections\nCounter\n)R."), "collections"
    yield "a whole network", save(net(), tmp_path / "whole.pth"), "state_dict"
    yield "a plain pickle", write("p.pkl", pickle.dumps({"w": 1}, 2)), "not of torch.save"
    yield "no tensors", save({"a": 1}, tmp_path / "n.pth"), "no tensors"
    yield "an empty dictionary", save(OrderedDict(), tmp_path / "n2.pth"), "empty"
    yield "one tensor", save(torch.ones(3), tmp_path / "n3.pth"), "single tensor"
    yield "a list", save([torch.ones(3)], tmp_path / "n4.pth"), "list"
    yield "quantised", archive("q.pth", data_pkl=pickled(b"ctorch\nQInt8Storage\n")), "quantised"
    yield "sparse", save({"w": torch.eye(3).to_sparse()}, tmp_path / "sp.pth"), "sparse"
    yield "numpy arrays", write("a.npz", arrays.getvalue()), "numpy arrays"
    yield "a zip bomb", write("bomb.pth", bomb.getvalue()), "compressed"
    yield "a memo bomb", archive("b1.pth", data_pkl=pickled(b"}", b"r\xff\xff\xff\x7f")), "empty"
    yield (
        "a hash bomb",
        archive("b2.pth", data_pkl=pickled(b"}", b")", b"2\x86" * 60, b"K\x01s")),
        "nothing of it was run",
    )
    nested = pickled(b"}", b")", *[b"q\x01h\x01\x86"] * 60, b"K\x01s")
    yield "nested tuples as a key", archive("b3.pth", data_pkl=nested), "keys that are no text"
    yield "an endless stack", archive("b4.pth", data_pkl=pickled(b"(" * 1000)), "damaged"
    yield "an empty stack", archive("b5.pth", data_pkl=b"\x80\x02u."), "damaged"
    yield "a missing storage", replace_in_zip(good, tmp_path / "m.pth", data_0=b""), "ends too early"
    yield "big-endian", archive("be.pth", byteorder=b"big"), "big-endian"
    # the shape 4×3×3×3, each side written as one byte, is enlarged
    large = zipfile.ZipFile(good).read("good/data.pkl").replace(b"(K\x04K\x03K\x03K\x03t", b"(K\xffK\xffK\xffK\xfft")
    yield "more numbers than stored", archive("big.pth", data_pkl=large), "more numbers"
    assert not touched.exists()


def test_bad_files_give_one_line_each_and_run_nothing(tmp_path):
    count = 0
    for what, path, word in bad(tmp_path):
        try:
            pytest.fail(f"{what}: read as {list(read_foreign(path).tensors)}")
        except UserError as error:
            caught = error
        assert len(caught.lines) == 1, what
        assert word in str(caught), f"{what}: {caught}"
        count += 1
    assert count > 40
    assert not (tmp_path / "touched").exists()


def test_every_prefix_of_a_file_gives_one_line(tmp_path):
    for new in (True, False):
        whole = save(net().state_dict(), tmp_path / "w.pth", new).read_bytes()
        for length in range(0, len(whole) - 1, 97):
            (tmp_path / "cut.pth").write_bytes(whole[:length])
            with pytest.raises(UserError):
                read_foreign(tmp_path / "cut.pth")


def test_random_damage_is_never_a_traceback(tmp_path):
    draw = np.random.default_rng(0)
    for new in (True, False):
        whole = np.frombuffer(save(net().state_dict(), tmp_path / "w.pth", new).read_bytes(), np.uint8)
        for _ in range(150):
            damaged = whole.copy()
            damaged[draw.integers(0, min(len(whole), 1200), 3)] = draw.integers(0, 256, 3)
            (tmp_path / "d.pth").write_bytes(damaged.tobytes())
            try:
                read_foreign(tmp_path / "d.pth")
            except UserError as error:
                assert len(error.lines) == 1
