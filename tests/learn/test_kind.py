"""Kinds of learning: the catalogue's names, nests as batches, what is read and refused."""

from dataclasses import dataclass

import pytest
import torch

from chainrule import catalog
from chainrule.errors import UserError
from chainrule.learn.batch import answer, finite, leaves, shapes
from chainrule.learn.device import Device
from chainrule.learn.facts import Remembered
from chainrule.learn.kind import Kind, of
from chainrule.learn.looped import Looped
from chainrule.runfile import from_toml, to_toml
from chainrule.settings import make, parse


def test_every_model_has_a_kind_and_every_kind_loads():
    assert {entry.kind for entry in catalog.MODELS.values()} <= set(catalog.KINDS)
    for name, entry in catalog.KINDS.items():
        kind = entry.load()()
        assert isinstance(kind, Kind), name
        assert kind.run.use_it[0] in __import__("chainrule.cli.main", fromlist=["COMMANDS"]).COMMANDS
    assert isinstance(of("lenet5"), Looped) and isinstance(of("package.module:Net"), Looped)


def test_how_data_is_read_travels_through_words_and_run_toml():
    settings = parse(["data.tokens=words", "data.limit=(1, 2)", "model.width=8"])
    assert settings.data == {"tokens": "words", "limit": (1, 2)} and settings.model == {"width": 8}
    assert from_toml(to_toml("mlp", "digits", settings))[2] == settings
    assert make({"data": {"tokens": "words"}}, settings).data == {"tokens": "words", "limit": (1, 2)}
    with pytest.raises(UserError, match=r"data=3: expected the ways to read the data by name"):
        make({"data": 3})


def test_a_way_to_read_that_a_model_does_not_know_is_refused():
    for name in ("lenet5", "package.module:Net"):
        with pytest.raises(UserError, match=r"data.tokens: .* does not take it; it takes no data.KEY"):
            catalog.check_model(name, {}, {"tokens": "words"})


def test_a_kind_refuses_settings_that_it_has_no_use_for():
    class Plain(Kind):
        useless = ("augment", "size")

    with pytest.raises(UserError) as caught:
        Plain().check("net", parse(["augment=flip", "size=8,8", "lr=0.1"]))
    assert [line.partition(":")[0] for line in caught.value.lines] == ["augment=flip", "size=(8, 8)"]
    Plain().check("net", parse(["lr=0.1"]))


def test_a_nest_is_a_batch():
    x = (torch.ones(2, 3), {"mask": torch.ones(2), "none": None})
    assert shapes(x) == ((2, 3), (2,)) and finite(x)
    assert not finite((x, torch.tensor([torch.inf]))) and finite(torch.tensor([1]))
    moved = Device("cpu").move(x)
    assert isinstance(moved, tuple) and moved[1]["none"] is None and len(list(leaves(moved))) == 2
    assert answer(lambda a, b: a + b["mask"].sum(), x).sum() == 18


def test_what_is_remembered_comes_back_with_its_tuples():
    @dataclass(frozen=True)
    class Known(Remembered):
        name: str
        fingerprint: str
        pairs: tuple[tuple[str, int], ...]

    known = Known("x", "00", (("a", 1), ("b", 2)))
    assert known.to_json()["pairs"] == [["a", 1], ["b", 2]] and Known.from_json(known.to_json()) == known
