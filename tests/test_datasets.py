"""One table of data sets: each is known everywhere, by the kinds of learning that read it."""

import pytest

from chainrule import catalog
from chainrule.cli.main import main
from chainrule.datasets import DATASETS, check, grouped, here, inside, names
from chainrule.errors import UserError
from chainrule.kinds import KINDS


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    monkeypatch.setenv("CHAINRULE_DATA", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def told(capsys, *words, code=0):
    assert main(list(words)) == code
    out, err = capsys.readouterr()
    return err if code else out


def test_each_set_names_kinds_that_there_are_and_each_kind_has_sets():
    assert all(known.kinds and set(known.kinds) <= set(KINDS) for known in DATASETS.values())
    assert all(names(kind) for kind in KINDS)
    assert [name for group in grouped().values() for name in group] == names()


def test_the_list_names_every_set_below_its_kinds(nowhere, capsys):
    lines = told(capsys, "data").splitlines()
    for kinds, group in grouped().items():
        heads = [line for line in lines if line.startswith(", ".join(kinds) + "  ")]
        assert len(heads) == 1 and group[0] in heads[0]
        start = lines.index(heads[0])
        assert [line.removeprefix(", ".join(kinds)).split()[0] for line in lines[start : start + len(group)]] == group
    mnist = next(line for line in lines if line.strip().startswith("mnist "))
    assert mnist.split()[:3] == ["mnist", "not", "here"]


@pytest.mark.parametrize(("name", "shelf"), [(name, known.shelf) for name, known in DATASETS.items() if known.shelf])
def test_a_set_that_is_not_here_says_what_to_put_where(nowhere, name, shelf, capsys):
    assert here(name) is None and not inside(name)
    error = told(capsys, "data", "show", name, code=2)
    assert len(error.splitlines()) == 1
    assert f"{name} is not on this machine: put " in error and f"$CHAINRULE_DATA/{shelf.folders[0]}" in error
    assert told(capsys, "data", "check", name, code=2) == error


@pytest.mark.parametrize("model", ["lenet5", "gcn", "tabular", "text_bag", "series_gru", "word2vec", "seq2seq", "ppo"])
def test_data_of_another_kind_is_refused_with_the_sets_of_this_one(nowhere, model):
    kind = catalog.kind(model)
    for name in names():
        if kind not in DATASETS[name].kinds:
            with pytest.raises(UserError, match=rf"data '{name}' is for .*, not for {kind}: expected one of") as caught:
                catalog.check_pair(model, {}, name)
            assert len(caught.value.lines) == 1 and names(kind)[0] in caught.value.lines[0]


def test_what_lies_on_the_disk_comes_before_a_known_set(nowhere):
    (nowhere / "cora").mkdir()
    check("cora", "images")
    with pytest.raises(UserError, match=r"data 'karate' is for nodes and links"):
        check("karate", "images")
    with pytest.raises(UserError, match=r"data 'gym:Ant' is for agents"):
        check("gym:Ant", "texts")


@pytest.mark.parametrize("name", ["karate", "cartpole"])
def test_show_and_check_read_what_is_inside(nowhere, name, capsys):
    shown = told(capsys, "data", "show", name)
    assert DATASETS[name].zh in shown and ("34 nodes" if name == "karate" else "500 steps at most") in shown
    assert "nothing wrong" in told(capsys, "data", "check", name)


SETS = {
    "sst2": ("sst2: train 6,920, val 872, test 1,821", "positive   3610  444   909"),
    "mr": ("mr: train 10,662", "negative   5331"),
    "tatoeba": ("tatoeba eng→cmn: train 29,155 pairs", "Run.  你用跑的。"),
    "tinyshakespeare": ("1,115,394 characters, 65 different, 40,000 lines", "First Citizen:"),
    "airline": ("144 moments, 1949-01 to 1960-12; like itself after 12", "Passengers    104  280.3   622"),
    "california": (
        "20,640 rows, 10 columns; target median_house_value",
        "total_bedrooms      number     207  1 … 6445",
    ),
    "cora": ("2,708 nodes, 10,556 edges, 1,433 features", "theory                    351     20   61   130"),
}


@pytest.mark.parametrize("name", SETS)
def test_show_and_check_read_what_is_here(shared_data, monkeypatch, name, capsys):
    monkeypatch.setenv("CHAINRULE_DATA", str(shared_data))
    shown = told(capsys, "data", "show", name)
    assert all(text in shown for text in SETS[name])
    assert "nothing wrong" in told(capsys, "data", "check", name)
    assert "augment=, size= and --png are of images" in told(capsys, "data", "show", name, "size=3", code=2)


def test_only_images_are_fetched(nowhere, capsys):
    assert "only sets of images are fetched; put TREC.train.all" in told(capsys, "data", "fetch", "trec", code=2)
    assert "did you mean trec?" in told(capsys, "data", "fetch", "trek", code=2)


@pytest.mark.parametrize("name", [name for name, entry in catalog.MODELS.items() if not KINDS[entry.kind].alone])
def test_a_model_that_needs_its_data_says_how_it_is_made(name, capsys):
    with pytest.raises(UserError, match=rf"`chainrule train {name} \w+` makes and trains it") as caught:
        catalog.build_model(name)
    assert len(caught.value.lines) == 1
    assert f"chainrule train {name} " in told(capsys, "models", name)
