"""Parallel text: what is found in folders and tables, what is held out, and what is refused."""

import gzip

import pytest

from chainrule import catalog
from chainrule.data.bitext import bare, read
from chainrule.data.bitext_names import KNOWN
from chainrule.errors import UserError

USUAL = {"sides": (None, None), "test": None, "val": 0.2, "seed": 0}


def pairs(source, **changes):
    given = {**USUAL, **changes}
    return read(str(source), given["sides"], given["test"], given["val"], given["seed"])


@pytest.fixture
def folder(tmp_path):
    for part, count in (("train", 10), ("val", 2), ("test_a", 3)):
        for language in ("de", "en", "fr"):
            lines = "".join(f"{language} {part} {i}\n" for i in range(count))
            (tmp_path / f"{part}.{language}.gz").write_bytes(gzip.compress(lines.encode()))
    return tmp_path


def test_parts_of_a_folder_in_both_directions(folder):
    found = pairs(folder, sides=("de", "en"))
    assert {part: len(rows) for part, rows in found.parts.items()} == {"train": 10, "val": 2, "test": 3}
    assert found.held == () and found.parts["test"][1] == ("de test_a 1", "en test_a 1")
    back = pairs(folder, sides=("fr", "de"))
    assert back.parts["val"][0] == ("fr val 0", "de val 0") and back.fingerprint != found.fingerprint
    assert found.sides == ("de", "en") and found.name.endswith("de→en")


def test_two_languages_need_no_naming_and_several_test_parts_do(folder):
    for path in folder.glob("*.fr.gz"):
        path.unlink()
    assert pairs(folder).sides == ("de", "en")
    for language in ("de", "en"):
        (folder / f"test_b.{language}").write_text("one\n")
    with pytest.raises(UserError, match=r"several parts for test: test_a, test_b: choose one with data.test="):
        pairs(folder)
    assert len(pairs(folder, test="test_b").parts["test"]) == 1
    with pytest.raises(UserError, match=r"data.test=test_c: .*has no such test part: expected one of test_a, test_b"):
        pairs(folder, test="test_c")


def test_a_table_and_a_folder_with_one(tmp_path):
    rows = "".join(f"source {i}\ttarget {i}\tlicence\n" for i in range(10))
    (tmp_path / "pairs.tsv").write_text(rows)
    for source in (tmp_path, tmp_path / "pairs.tsv"):
        found = pairs(source, val=0.1)
        assert {part: len(got) for part, got in found.parts.items()} == {"train": 8, "val": 1, "test": 1}
    assert pairs(tmp_path, sides=(1, 0), val=0.0).parts == {
        "train": [(f"target {i}", f"source {i}") for i in range(10)]
    }


def test_columns_by_their_titles(tmp_path):
    (tmp_path / "a.csv").write_text("id,english,chinese\n1,hi,你好\n2,bye,再见\n")
    found = pairs(tmp_path / "a.csv", sides=("chinese", "english"), val=0.0)
    assert found.parts["train"] == [("你好", "hi"), ("再见", "bye")]


def test_files_by_their_names(tmp_path):
    (tmp_path / "a.txt").write_text("ja\nnein\n")
    (tmp_path / "b.txt").write_text("yes\nno\n")
    assert pairs(tmp_path, sides=("a.txt", "b.txt"), val=0.0).parts["train"] == [("ja", "yes"), ("nein", "no")]


def test_what_is_held_out_is_a_function_of_the_seed_and_shares_no_source(tmp_path):
    rows = "".join(f"source {i % 20}\ttarget {i}\n" for i in range(60))
    (tmp_path / "pairs.tsv").write_text(rows)
    one, again, other = (pairs(tmp_path, seed=seed) for seed in (1, 1, 2))
    assert one.parts == again.parts and one.parts != other.parts and one.held == ("val", "test")
    sources = [{source for source, _ in one.parts[part]} for part in ("train", "val", "test")]
    assert [len(s) for s in sources] == [12, 4, 4]
    assert not (sources[0] & sources[1] or sources[0] & sources[2] or sources[1] & sources[2])
    assert sum(map(len, one.parts.values())) == 60


def test_refusals(folder, tmp_path):
    cases = {
        r"data.target=es: .* has de, en, fr: expected two of them": {"sides": ("de", "es")},
        r"data.source=: .*expected two of them": {"sides": (None, None)},
        r"data.source=de, data.target=de: expected two different sides": {"sides": ("de", "de")},
    }
    for message, changes in cases.items():
        with pytest.raises(UserError, match=message):
            pairs(folder, **changes)
    (folder / "val.de").write_text("only one\n")
    (folder / "val.de.gz").unlink()
    with pytest.raises(UserError, match=r"val.de has 1 lines and .*val.en.gz 2: expected one translation a line"):
        pairs(folder, sides=("de", "en"))
    empty = folder / "empty"
    empty.mkdir()
    with pytest.raises(UserError, match=r"no parallel text: expected train.de and train.en"):
        pairs(empty)
    (empty / "p.tsv").write_text("a\tb\nc\td\n")
    with pytest.raises(UserError, match=r"val=0.9: leaves nothing to train on"):
        pairs(empty, val=0.9)
    with pytest.raises(UserError, match=r"no column 7"):
        pairs(empty, sides=(0, 7))


def test_known_sets_are_checked_without_being_read(monkeypatch, tmp_path):
    monkeypatch.setenv("CHAINRULE_DATA", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in KNOWN:
        with pytest.raises(UserError, match=rf"{name} is not on this machine: put it .*CHAINRULE_DATA"):
            catalog.check_data(name)
    (tmp_path / "tatoeba-eng-cmn").mkdir()
    (tmp_path / "tatoeba-eng-cmn" / "cmn.txt").write_text("\ufeffHi.\t嗨。\tx\nBye.\t再见。\tx\n")
    catalog.check_data("tatoeba")
    found = pairs("tatoeba", val=0.0)
    assert found.sides == ("eng", "cmn") and found.parts["train"][0] == ("Hi.", "嗨。")
    assert pairs("tatoeba", sides=("cmn", "eng"), val=0.0).parts["train"][1] == ("再见。", "Bye.")
    assert bare(tmp_path / "x.txt.gz") == "x.txt"


def test_the_real_sets(shared_data, monkeypatch):
    monkeypatch.setenv("CHAINRULE_DATA", str(shared_data))
    found = pairs("multi30k")
    assert {part: len(rows) for part, rows in found.parts.items()} == {"train": 29_000, "val": 1_014, "test": 1_000}
    assert found.sides == ("de", "en") and found.parts["train"][0][1].startswith("Two young, White males")
    assert sum(map(len, pairs("tatoeba").parts.values())) == 29_155
    assert pairs("multi30k/tok", sides=("en", "de")).parts["test"][0][0] == (
        "a man in an orange hat starring at something ."
    )
