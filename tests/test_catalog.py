"""Every name of the catalogue leads to the real thing, with the options that stand beside it."""

import inspect
from dataclasses import fields

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from chainrule import catalog
from chainrule.catalog import AUGMENTS, DATASETS, INITS, LOSSES, MODELS, OPTIMIZERS, SCHEDULES, VIEWS, WRAPPERS
from chainrule.data.language import Ways
from chainrule.errors import UserError

TABLES = {
    "model": MODELS,
    "data": DATASETS,
    "optimizer": OPTIMIZERS,
    "schedule": SCHEDULES,
    "wrapper": WRAPPERS,
    "loss": LOSSES,
    "init": INITS,
    "augment": AUGMENTS,
    "views": VIEWS,
}
# Where a run has a default of its own: torch's remembers 100 pairs and goes along the direction without a search.
OF_A_RUN = {("lbfgs", "history_size"), ("lbfgs", "line_search_fn")}
ALL = [pytest.param(entry, id=f"{kind}-{name}") for kind, table in TABLES.items() for name, entry in table.items()]


@pytest.mark.parametrize("entry", ALL)
def test_every_target_is_there(entry):
    assert callable(entry.load())


@pytest.mark.parametrize("entry", ALL)
def test_every_entry_speaks_both_languages(entry):
    assert entry.en.isascii() or "×" in entry.en
    assert any("\u4e00" <= c <= "\u9fff" for c in entry.zh)


@pytest.mark.parametrize("name", [name for name, entry in MODELS.items() if entry.kind == "vectors"])
def test_word_vectors_take_the_options_beside_them_and_are_no_network(name):
    entry = MODELS[name]
    assert {k: p.default for k, p in inspect.signature(entry.load()).parameters.items()} == dict(entry.options)
    with pytest.raises(UserError, match="is no network of layers"):
        catalog.build_model(name)


@pytest.mark.parametrize("name", [name for name, entry in MODELS.items() if entry.kind == "language"])
def test_language_models_take_the_options_beside_them_and_their_sizes_from_the_text(name):
    entry = MODELS[name]
    known = {k: p.default for k, p in inspect.signature(entry.load()).parameters.items()}
    assert {k: v for k, v in known.items() if k not in ("vocabulary", "max_length")} == dict(entry.options)
    assert {f.name: f.default for f in fields(Ways)} == dict(entry.reading)
    with pytest.raises(UserError, match="takes its sizes from its data"):
        catalog.build_model(name)


@pytest.mark.parametrize("name", [name for name, entry in MODELS.items() if entry.kind == "images"])
def test_a_model_takes_the_options_beside_it_and_its_size(name):
    entry = MODELS[name]
    parameters = inspect.signature(entry.load()).parameters
    assert {key: p.default for key, p in parameters.items()} == dict(entry.options)
    assert entry.size is not None
    where = "meta" if entry.size[1] > 64 else "cpu"  # shapes alone, where numbers would take long
    with torch.device(where), FlopCounterMode(display=False) as counter, torch.no_grad():
        model = catalog.build_model(name).eval()
        assert model(torch.zeros(1, *entry.size)).shape == (1, entry.options["num_classes"])
    assert sum(p.numel() for p in model.parameters()) == entry.parameters
    assert counter.get_total_flops() == 2 * entry.macs


def test_the_network_for_tables_takes_the_options_beside_it():
    entry = MODELS["tabular"]
    assert {k: p.default for k, p in inspect.signature(entry.load()).parameters.items()} == dict(entry.options)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model = catalog.build_model("tabular").eval()
        assert model(torch.zeros(1, 8), torch.zeros(1, 0, dtype=torch.int64)).shape == (1, 2)
    assert sum(p.numel() for p in model.parameters()) == entry.parameters
    assert counter.get_total_flops() == 2 * entry.macs


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_takes_the_options_beside_it_with_torchs_defaults(name):
    cls = OPTIMIZERS[name].load()
    theirs = inspect.signature(cls if name == "lbfgs" else cls.rule.parent or cls)
    made = cls([torch.nn.Parameter(torch.zeros(1))], **OPTIMIZERS[name].options)
    for key, default in OPTIMIZERS[name].options.items():
        assert theirs.parameters[key].default == default or (name, key) in OF_A_RUN
        assert made.defaults[key] == default


@pytest.mark.parametrize("name", WRAPPERS)
def test_a_wrapper_takes_the_options_beside_it(name):
    parameters = inspect.signature(WRAPPERS[name].load()).parameters
    assert {key: p.default for key, p in list(parameters.items())[1:]} == dict(WRAPPERS[name].options)


@pytest.mark.parametrize("name", INITS)
def test_first_weights_take_the_options_beside_them(name):
    parameters = set(inspect.signature(INITS[name].load()).parameters)
    takes = {key.removeprefix("init_") for key in INITS[name].options}
    assert {"nonlinearity" if key == "gain" and "mode" in takes else key for key in takes} <= parameters


def test_the_rooms_know_the_same_names():
    from chainrule.data import augment, sources
    from chainrule.data.augment import apply
    from chainrule.learn.supervised import Supervised
    from chainrule.optim import schedule

    assert set(SCHEDULES) == set(schedule.SCHEDULES)
    assert set(AUGMENTS) == set(augment.KINDS) == set(apply.OPERATIONS)
    assert {name: entry.size for name, entry in DATASETS.items() if entry.size} == {
        n: s.shape for n, s in sources.SOURCES.items()
    }
    known = {
        *Supervised("classification", ("a", "b")).losses(),
        *Supervised("regression").losses(),
        *Supervised("multilabel", ("a", "b")).losses(),
    }
    assert known - {"auto"} == set(LOSSES)


OWN = """
import torch
class Net(torch.nn.Module):
    def __init__(self, width=4):
        super().__init__()
        self.layer = torch.nn.Linear(width, 2)
class Plain: ...
number = 3
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    (tmp_path / "my_own_net.py").write_text(OWN)
    (tmp_path / "my_broken_net.py").write_text("def (:")
    (tmp_path / "my_leaving_net.py").write_text("raise SystemExit(3)")
    (tmp_path / "my_needy_net.py").write_text("import a_module_nobody_has")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))


def test_a_model_of_ones_own(own):
    assert catalog.build_model("my_own_net:Net", {"width": 7}).layer.in_features == 7


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("my_own_net:Nett", {}, "has no class 'Nett'; did you mean Net?"),
        ("my_own_net:Plain", {}, "expected a class made from torch.nn.Module, got a class Plain"),
        ("my_own_net:number", {}, "expected a class made from torch.nn.Module, got a int"),
        ("my_own_net:Net", {"widht": 3}, "my_own_net:Net(widht=3) could not be made: TypeError"),
        ("my_broken_net:Net", {}, "importing my_broken_net failed: SyntaxError"),
        ("my_leaving_net:Net", {}, "importing my_leaving_net failed: SystemExit"),
        ("my_needy_net:Net", {}, "importing my_needy_net failed: ModuleNotFoundError"),
        ("my_absent_net:Net", {}, "there is no module 'my_absent_net'"),
        ("os:system", {}, "expected a class made from torch.nn.Module"),
        ("my own:Net", {}, "expected package.module:Class"),
        (":Net", {}, "expected package.module:Class"),
        (
            "lenet5",
            {"classes": 3},
            "model.classes: lenet5 does not take it; it takes num_classes, in_channels; did you mean",
        ),
        ("lenet", {}, "did you mean lenet5?"),
    ],
)
def test_a_wrong_model_is_one_clear_line(own, name, options, says):
    with pytest.raises(UserError) as caught:
        catalog.build_model(name, options)
    assert len(caught.value.lines) == 1
    assert says in caught.value.lines[0]


def test_model_and_data_are_refused_together():
    with pytest.raises(UserError) as caught:
        catalog.check_pair("lenet", {}, "digit")
    assert len(caught.value.lines) == 2


def test_a_data_source_is_a_known_name_or_a_path(tmp_path):
    catalog.check_data(str(tmp_path))
    for wrong in ("digit", str(tmp_path / "none"), "x" * 5000, "a\0b", "caf\udce9"):
        with pytest.raises(UserError, match="expected one of digits"):
            catalog.check_data(wrong)
