"""What was saved comes back, or the generation before it with one line that says why. · 存什么取什么，否则说明。"""

import json
import math
import random
from pathlib import Path

import pytest
import torch

from chainrule.errors import UserError
from chainrule.runs import manifest
from chainrule.runs.checkpoint import load, save
from chainrule.runs.manifest import MANIFEST, STATE, TENSORS, generations

FILES = (TENSORS, STATE, MANIFEST)


def chain(folder: Path, *steps: int) -> None:
    for step in steps:
        save(folder, step, {"w": torch.full((64,), float(step))}, {"step": step, "loss": step / 3})


def lines_of(folder: Path) -> tuple[int, list[str]]:
    lines: list[str] = []
    return load(folder, lines.append).step, lines


DTYPES = [
    torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16, torch.int8,
    torch.uint8, torch.bool, torch.complex64, torch.uint32, torch.float8_e4m3fn,
]  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2), (5,), (2, 3, 4)], ids=str)
def test_every_dtype_and_shape_round_trips(tmp_path, dtype, shape):
    tensor = (torch.rand(shape) * 9).to(dtype)
    save(tmp_path, 0, {"a": tensor}, {})
    back = load(tmp_path).tensors["a"]
    assert back.dtype == dtype and back.shape == tensor.shape
    assert torch.equal(back.flatten().view(torch.uint8), tensor.flatten().view(torch.uint8))


def test_special_bits_survive(tmp_path):
    bits = torch.tensor([0x7FC00001, 0xFF800000, 0x80000000, 0x00000001, 0x7F7FFFFF], dtype=torch.int64)
    tensor = bits.to(torch.int32).view(torch.float32)
    save(tmp_path, 0, {"a": tensor}, {})
    assert torch.equal(load(tmp_path).tensors["a"].view(torch.int32), tensor.view(torch.int32))


def test_strides_and_sharing(tmp_path):
    base = torch.arange(24.0)
    shared = {
        "whole": base,
        "view": base[3:7],
        "matrix": base.reshape(4, 6),
        "transposed": base.reshape(4, 6).mT,
        "strided": base[::5],
        "expanded": torch.tensor(2.0).expand(3, 2),
        "channels_last": torch.rand(2, 3, 4, 5).to(memory_format=torch.channels_last),
        "parameter": torch.nn.Parameter(torch.ones(2)),
        "conjugate": torch.tensor([1 + 2j], dtype=torch.complex64).conj(),
        "empty": base[:0],
        "also_empty": torch.empty(0),
    }
    save(tmp_path, 0, shared, {})
    back = load(tmp_path).tensors
    assert back.keys() == shared.keys()
    for name, tensor in shared.items():
        assert torch.equal(back[name], tensor.detach()), name
    pointers = [tensor.data_ptr() for tensor in back.values() if tensor.numel()]
    assert len(set(pointers)) == len(pointers)
    back["whole"].zero_()
    assert back["view"].tolist() == [3, 4, 5, 6] and base[1] == 1


def test_loaded_tensors_can_be_written(tmp_path):
    chain(tmp_path, 1)
    load(tmp_path).tensors["w"].add_(1)
    assert load(tmp_path).tensors["w"][0] == 1


def test_state_round_trips_exactly(tmp_path):
    generator = random.Random(0)
    floats = [generator.uniform(-1, 1) * 10.0 ** generator.randint(-300, 300) for _ in range(500)]
    floats += [0.1, 5e-324, 1.7976931348623157e308, -0.0]
    state = {"floats": floats, "inf": [math.inf, -math.inf], "int": 2**200, "none": None, "yes": True, "deep": [[{}]]}
    state |= {"名": "数据 \U0001f600 \udc80", "nested": {"a": {"b": 1}}}
    save(tmp_path, 3, {}, {**state, "nan": math.nan, "betas": (0.9, 0.999)})
    back = load(tmp_path)
    assert math.isnan(back.state.pop("nan")) and back.state.pop("betas") == [0.9, 0.999]
    assert back.state == state and back.tensors == {} and back.step == 3
    assert math.copysign(1, back.state["floats"][-1]) == -1


@pytest.mark.parametrize(
    ("tensors", "state", "error"),
    [
        ({}, {"a": {1: 2}}, TypeError),
        ({}, {"a": [{None: 2}]}, TypeError),
        ({}, {"a": torch.ones(1)}, TypeError),
        ({"__metadata__": torch.ones(1)}, {}, ValueError),
        ({"z": torch.ones(1, dtype=torch.complex128)}, {}, TypeError),
    ],
)
def test_what_cannot_be_stored_is_refused_before_anything_is_written(tmp_path, tensors, state, error):
    chain(tmp_path, 1)
    with pytest.raises(error):
        save(tmp_path, 2, tensors, state)
    assert lines_of(tmp_path) == (1, [])


@pytest.mark.parametrize(("step", "keep"), [(-1, 2), (0, 1), (0, 0)])
def test_wrong_step_or_keep(tmp_path, step, keep):
    with pytest.raises(ValueError, match="expected"):
        save(tmp_path, step, {}, {}, keep=keep)


@pytest.mark.parametrize("keep", [2, 3, 5])
def test_keeps_the_newest(tmp_path, keep):
    for step in range(8):
        save(tmp_path, step, {}, {}, keep=keep)
        assert [manifest.step_of(path) for path in generations(tmp_path)] == list(range(step, -1, -1))[:keep]
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in generations(tmp_path)}


def test_a_step_saved_twice_is_two_generations(tmp_path):
    for turn in range(12):
        made = save(tmp_path, 5, {}, {"turn": turn})
        assert load(tmp_path).path == made and load(tmp_path).state == {"turn": turn}
    assert [path.name for path in generations(tmp_path)] == ["step-000000005-12", "step-000000005-11"]


def test_steps_beyond_nine_digits_sort_as_numbers(tmp_path):
    chain(tmp_path, 999_999_999, 1_000_000_000)
    assert load(tmp_path).step == 1_000_000_000


def test_best_lives_beside_the_generations(tmp_path):
    chain(tmp_path, 1, 2, 3)
    chain(tmp_path / "best", 2)
    assert load(tmp_path).step == 3 and load(tmp_path / "best").step == 2


def test_one_generation_can_be_named(tmp_path):
    chain(tmp_path, 1, 2)
    assert load(generations(tmp_path)[1]).step == 1


def test_going_back_voids_the_later_generations(tmp_path):
    chain(tmp_path, 10, 20)
    _flip(generations(tmp_path)[0] / STATE, 3)
    assert lines_of(tmp_path)[0] == 10
    chain(tmp_path, 15)
    assert lines_of(tmp_path) == (15, []) and [p.name[-2:] for p in generations(tmp_path)] == ["15", "10"]


def test_a_damaged_generation_does_not_count_as_kept(tmp_path):
    chain(tmp_path, 1, 2)
    _flip(generations(tmp_path)[0] / TENSORS, 100)
    chain(tmp_path, 3)
    assert [manifest.step_of(path) for path in generations(tmp_path)] == [3, 2, 1]
    _flip(generations(tmp_path)[0] / TENSORS, 100)
    step, lines = lines_of(tmp_path)
    assert step == 1 and len(lines) == 2
    chain(tmp_path, 4, 5)
    assert [manifest.step_of(path) for path in generations(tmp_path)] == [5, 4]


def _flip(path: Path, bit: int) -> None:
    data = bytearray(path.read_bytes())
    data[bit // 8 % len(data)] ^= 1 << bit % 8
    path.write_bytes(bytes(data))


def test_a_thousand_flipped_bits_are_all_detected(tmp_path):
    chain(tmp_path, 1, 2)
    newest = generations(tmp_path)[0]
    sizes = {name: (newest / name).stat().st_size * 8 for name in FILES}
    generator = random.Random(0)
    flips = [(MANIFEST, bit) for bit in range(sizes[MANIFEST])]
    flips += [(STATE, bit) for bit in range(sizes[STATE])]
    flips += [(TENSORS, generator.randrange(sizes[TENSORS])) for _ in range(1000)]
    assert len(flips) > 3000
    for name, bit in flips:
        _flip(newest / name, bit)
        step, lines = lines_of(tmp_path)
        assert step == 1 and len(lines) == 1 and name in lines[0], (name, bit)
        _flip(newest / name, bit)
    assert lines_of(tmp_path) == (2, [])


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("change", ["empty", "half", "less", "more", "page", "gone", "folder", "html"])
def test_torn_and_lost_files(tmp_path, name, change):
    chain(tmp_path, 1)
    save(tmp_path, 2, {"w": torch.rand(4000)}, {"text": "x" * 9000})
    path = generations(tmp_path)[0] / name
    data = path.read_bytes()
    path.unlink()
    page = len(data) // 4096 * 2048
    if change == "folder":
        path.mkdir()
    elif change != "gone":
        path.write_bytes(
            {
                "empty": b"",
                "half": data[: len(data) // 2],
                "less": data[:-1],
                "more": data + b"\0",
                "page": data[:page] + bytes(4096) + data[page + 4096 :],
                "html": b"<!DOCTYPE html><html>404</html>",
            }[change]
        )
    step, lines = lines_of(tmp_path)
    assert step == 1 and len(lines) == 1 and "\n" not in lines[0]
    assert lines[0].startswith(f"checkpoint step-000000002 skipped: {name} ")
    assert lines[0].endswith("; using step-000000001 instead")


def test_an_unreadable_file_is_skipped(tmp_path, monkeypatch):
    chain(tmp_path, 1, 2)
    real = Path.open

    def refuse(self, *args, **kwargs):
        if self.parent.name.endswith("2") and self.name == TENSORS:
            raise PermissionError(13, "Permission denied")
        return real(self, *args, **kwargs)

    monkeypatch.setattr(Path, "open", refuse)
    step, lines = lines_of(tmp_path)
    assert step == 1 and "tensors.safetensors cannot be read: Permission denied" in lines[0]


def _resealed(folder: Path, **changes) -> None:
    """A manifest that is intact and says something else, as another version of chainrule would write."""
    path = folder / MANIFEST
    body = {**json.loads(path.read_bytes()), **changes}
    del body["sha256"]
    text = manifest._text(body)
    path.write_bytes(manifest._text({**body, "sha256": manifest.hashlib.sha256(text).hexdigest()}))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"step": 7}, "manifest.json says step 7, the folder says 2"),
        ({"format": "other"}, "of another program"),
        ({"schema": 0}, "of another program"),
        ({"schema": "1"}, "of another program"),
        ({"files": {}}, "lists other files"),
        ({"files": {"../../x": {"size": 1, "sha256": ""}, STATE: {"size": 1, "sha256": ""}}}, "lists other files"),
        ({"files": []}, "lists other files"),
    ],
)
def test_an_intact_manifest_that_does_not_fit(tmp_path, changes, reason):
    chain(tmp_path, 1, 2)
    _resealed(generations(tmp_path)[0], **changes)
    step, lines = lines_of(tmp_path)
    assert step == 1 and len(lines) == 1 and reason in lines[0]


def test_a_newer_schema_stops_instead_of_going_back(tmp_path):
    chain(tmp_path, 1, 2)
    _resealed(generations(tmp_path)[0], schema=9)
    with pytest.raises(UserError, match="has schema 9, this chainrule reads up to 1: upgrade chainrule"):
        load(tmp_path)


@pytest.mark.parametrize("text", [b"[]", b"null", b"{}", b'"x"', b"[" * 60000, b"\xff\xfe", b'{"sha256": "x"}'])
def test_a_manifest_of_another_program(tmp_path, text):
    chain(tmp_path, 1, 2)
    (generations(tmp_path)[0] / MANIFEST).write_bytes(text)
    step, lines = lines_of(tmp_path)
    assert step == 1 and "manifest.json is damaged or of another program" in lines[0]


def test_none_usable_names_every_reason_in_one_line(tmp_path):
    chain(tmp_path, 1, 2)
    for path, name in zip(generations(tmp_path), (STATE, TENSORS), strict=True):
        _flip(path / name, 9)
    with pytest.raises(UserError) as caught:
        load(tmp_path)
    text = str(caught.value)
    assert len(caught.value.lines) == 1
    assert "step-000000002: state.json is damaged" in text and "step-000000001: tensors.safetensors is damaged" in text


FOREIGN = {
    "missing": (None, "it does not exist"),
    "empty_folder": ({}, "the folder is empty"),
    "other_folder": ({"config.json": b"{}", "pytorch_model.bin": b"x"}, "no generation (step-…) among config.json"),
    "empty_file": (b"", "it is an empty file"),
    "torch_zip": (b"PK\x03\x04rest", "it is a pickle file (torch.save), which chainrule never reads"),
    "torch_old": (b"\x80\x02ctorch", "it is a pickle file"),
    "html": (b"\n <!doctype html><p>404", "it is a web page"),
    "lfs": (b"version https://git-lfs.github.com/spec/v1\n", "it is a git-lfs pointer"),
    "safetensors": (b"\x40\0\0\0\0\0\0\0{}", "it is a single file"),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_empty_and_foreign_checkpoints(tmp_path, kind):
    content, reason = FOREIGN[kind]
    path = tmp_path / "given"
    if isinstance(content, dict):
        path.mkdir()
        for name, data in content.items():
            (path / name).write_bytes(data)
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        load(path)
    assert len(caught.value.lines) == 1 and reason in str(caught.value) and str(path) in str(caught.value)


@pytest.mark.parametrize("path", ["a\0b", "x" * 300, "file/inside"], ids=["nul", "long", "under_a_file"])
def test_impossible_paths(tmp_path, path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"no checkpoint in .*: it "):
        load(tmp_path / path)


@pytest.mark.parametrize("name", ["step-000000003", "step-000000003-2"])
def test_a_generation_that_is_empty_or_a_file(tmp_path, name):
    chain(tmp_path, 1)
    (tmp_path / name).mkdir()
    assert lines_of(tmp_path) == (
        1,
        [f"checkpoint {name} skipped: {MANIFEST} is missing; using step-000000001 instead"],
    )
    (tmp_path / name).rmdir()
    (tmp_path / name).write_bytes(b"x")
    assert "it is a file, not a folder" in lines_of(tmp_path)[1][0]


def test_a_run_in_progress_may_prune_while_another_loads(tmp_path, monkeypatch):
    chain(tmp_path, 1, 2)
    real, saved = manifest.verify, []

    def verify(path):
        if not saved:
            saved.append(True)
            chain(tmp_path, 3, 4)
        return real(path)

    monkeypatch.setattr("chainrule.runs.checkpoint.verify", verify)
    assert lines_of(tmp_path) == (4, [])
