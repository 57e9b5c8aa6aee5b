"""Tables of values: what is read from a file, what its columns are, how they are held out and coded."""

import datetime
import gzip

import numpy as np
import pytest
import torch

from chainrule.data.held import Held
from chainrule.data.tables.columns import ABSENT, FIRST, UNSEEN, Column, as_known, encode
from chainrule.data.tables.files import read_table
from chainrule.data.tables.reading import load_table
from chainrule.data.tables.target import target
from chainrule.errors import UserError

PEOPLE = "name,age,city,member,since,weight,empty,same,y\n"


def people(n: int = 60) -> str:
    """Rows with every kind of column; ages have gaps, cities too."""
    chance = np.random.default_rng(0)
    lines = []
    for i in range(n):
        age = "" if i % 7 == 0 else str(20 + i % 40)
        city = ("Rome", "Oslo", "西安", "")[i % 4]
        since = (datetime.date(2020, 1, 1) + datetime.timedelta(days=i)).isoformat()
        y = ("yes", "no", "perhaps")[i % 3]
        lines.append(f"p{i},{age},{city},{('true', 'No')[i % 2]},{since},{chance.normal():.3f},,x,{y}")
    return PEOPLE + "\n".join(lines) + "\n"


@pytest.fixture
def write(tmp_path):
    def written(text: str, name: str = "people.csv") -> str:
        (tmp_path / name).write_text(text, encoding="utf-8")
        return str(tmp_path / name)

    return written


def test_columns_are_found_out_and_what_tells_nothing_is_left_out_with_a_line(write):
    table = load_table(write(people()), {"target": "y"}, Held())
    assert {column.name: column.kind for column in table.columns} == {
        "age": "number",
        "city": "category",
        "member": "boolean",
        "since": "date",
        "weight": "number",
    }
    assert table.task == "classification" and table.classes == ("no", "perhaps", "yes")
    said = "\n".join(table.lines)
    for line in (
        "column name: 60 different texts",
        "column empty: nothing in any row",
        "column same: the same in every",
    ):
        assert line in said
    assert "column since: dates, taken as days since 1970-01-01" in said
    age, city = table.columns[0], table.columns[1]
    assert age.gaps and age.width == 2 and city.gaps and city.categories == ("Oslo", "Rome", "西安")


def test_parts_are_stratified_fixed_and_measured_on_the_training_rows_alone(write):
    path = write(people(300))
    table = load_table(path, {"target": "y"}, Held(seed=3))
    assert table.val is not None and table.test is not None
    rows = torch.cat([table.train.rows, table.val.rows, table.test.rows]).sort().values
    assert rows.tolist() == list(range(300))
    assert table.test.targets.bincount().tolist() == [20, 20, 20]
    again = load_table(path, {"target": "y"}, Held(seed=4))
    assert again.test is not None and again.val is not None
    assert torch.equal(again.test.rows, table.test.rows) and not torch.equal(again.val.rows, table.val.rows)
    moved = load_table(path, {"target": "y"}, Held(seed=3, split=1)).test
    assert moved is not None and not torch.equal(moved.rows, table.test.rows)
    weight = table.train.numbers[:, [i for i, c in enumerate(_wide(table.columns)) if c == "weight"]]
    assert abs(float(weight.double().mean())) < 1e-6 and abs(float(weight.double().std(correction=0)) - 1) < 1e-6


def _wide(columns) -> list[str]:
    return [column.name for column in columns for _ in range(column.width)]


def test_folds_hold_every_row_out_once(write):
    path = write(people(90))
    held = [load_table(path, {"target": "y"}, Held(folds=3, fold=k)).test for k in (1, 2, 3)]
    assert torch.cat([part.rows for part in held if part]).sort().values.tolist() == list(range(90))


def test_numbers_are_held_out_from_every_tenth(write):
    text = "a,b,y\n" + "\n".join(f"{i % 5},{i * i % 7},{i / 2}" for i in range(200))
    table = load_table(write(text), {"target": "y"}, Held())
    assert table.task == "regression" and table.test is not None
    told = table.test.targets.double() * table.std + table.mean
    assert np.histogram(told.numpy(), bins=10, range=(0, 100))[0].tolist() == [4] * 10
    assert abs(float(table.train.targets.double().mean())) < 1e-6


def test_gaps_and_new_categories_have_places_of_their_own():
    columns = (
        Column("a", "number", mean=2.0, std=2.0, median=1.0, gaps=True),
        Column("b", "category", gaps=True, categories=("x", "y")),
        Column("c", "category", categories=("x",)),
    )
    coded = encode({"a": np.array([4.0, np.nan]), "b": ["y", None], "c": ["z", None]}, columns)
    assert coded.numbers.tolist() == [[1.0, 0.0], [-0.5, 1.0]]
    assert coded.categories.tolist() == [[FIRST + 1, UNSEEN], [ABSENT, UNSEEN]]
    assert coded.lines == (
        "column c: 1 rows with categories that training never saw (z): taken as none of those it knows",
    )


@pytest.mark.parametrize("name", ["a.csv.gz", "a.tsv"])
def test_packed_and_tabbed_files(tmp_path, name):
    data = b"a\tb\n1\tx\n2\ty\n"
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    frame = read_table(str(tmp_path / name), {})
    assert frame.columns == {"a": ["1", "2"], "b": ["x", "y"]} and frame.places[1].endswith("line 3")


def test_a_file_without_titles_counts_its_columns(write):
    frame = read_table(write("1,2,x\n3,4,y\n"), {})
    assert list(frame.columns) == ["column_1", "column_2", "column_3"] and not frame.titled and len(frame) == 2
    assert list(read_table(write("p,q\nr,s\n"), {"header": "no"}).columns) == ["column_1", "column_2"]


def test_quoted_cells_gbk_and_semicolons(tmp_path):
    (tmp_path / "a.csv").write_bytes('城市;说明\n西安;"a;b\nc"\n北京;d\n'.encode("gbk"))
    assert read_table(str(tmp_path / "a.csv"), {}).columns == {"城市": ["西安", "北京"], "说明": ["a;b\nc", "d"]}


def test_parquet_is_read_with_its_types(tmp_path):
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame(
        {
            "n": [1, None, 3],
            "x": [0.5, 1.5, float("nan")],
            "on": [True, None, False],
            "day": [datetime.date(1970, 1, 2), None, datetime.date(1971, 1, 1)],
            "word": ["a", " NA", "b "],
        }
    )
    frame.write_parquet(tmp_path / "a.parquet")
    found = read_table(str(tmp_path / "a.parquet"), {})
    np.testing.assert_array_equal(found.columns["n"], [1.0, np.nan, 3.0])
    np.testing.assert_array_equal(found.columns["x"], [0.5, 1.5, np.nan])
    np.testing.assert_array_equal(found.columns["day"], [1.0, np.nan, 365.0])
    assert found.columns["on"] == ["true", None, "false"] and found.columns["word"] == ["a", None, "b"]
    assert found.dates == {"day"}


def test_a_parquet_and_a_csv_of_the_same_rows_teach_the_same(tmp_path, write):
    polars = pytest.importorskip("polars")
    path = write(people())
    polars.read_csv(path, try_parse_dates=True).write_parquet(tmp_path / "people.parquet")
    ours, theirs = (
        load_table(p, {"target": "y", "skip": "member"}, Held()) for p in (path, str(tmp_path / "people.parquet"))
    )
    assert torch.equal(ours.train.numbers, theirs.train.numbers)
    assert torch.equal(ours.train.categories, theirs.train.categories)


def test_whole_numbers_of_few_kinds_are_classes_unless_told(write):
    path = write("a,y\n" + "\n".join(f"{i % 13},{i % 3}" for i in range(40)))
    assert load_table(path, {"target": "y"}, Held()).classes == ("0", "1", "2")
    assert load_table(path, {"target": "y", "task": "regression"}, Held()).task == "regression"
    many = target(read_table(write("a,y\n" + "\n".join(f"1,{i}" for i in range(40))), {}), "y", "auto")
    assert many.task == "regression"


def test_columns_stand_in_any_order_at_prediction(write):
    columns = (Column("a", "number"), Column("b", "category", categories=("x",)))
    assert as_known(read_table(write("b,c,a\nx,1,2\n"), {}), columns)["b"] == ["x"]


ROWS = "\n".join(f"{i},{i % 2},{'uv'[i % 2]}" for i in range(5, 45))
WRONG = {
    "no such file": (None, {"target": "y"}, "no such file"),
    "an empty file": ("", {"target": "y"}, "an empty file"),
    "only a head": ("a,b,y\n", {"target": "y"}, "only a head"),
    "one column": ("y\na\n", {"target": "y"}, "one column"),
    "ragged": (f"a,b,y\n{ROWS}\n1,2\n1,2,3,4\n", {"target": "y"}, "line 42: 2 cells: expected 3"),
    "an open quotation mark": ('a,b,y\n1,"2,u\n3,4,v\n', {"target": "y"}, "check the quotation marks"),
    "two columns of one name": (f"a,a,y\n{ROWS}", {"target": "y"}, "2 columns are called 'a'"),
    "a column without a name": (f"a,,y\n{ROWS}", {"target": "y"}, "no title over column 2"),
    "no target": (f"a,b,y\n{ROWS}", {}, "data.target: not given: expected the column of a.csv"),
    "another target": (f"a,b,year\n{ROWS}", {"target": "yaer"}, "did you mean year?"),
    "a target beyond": (f"a,b,y\n{ROWS}", {"target": 7}, "unknown data.target"),
    "a constant target": ("a,y\n" + "\n".join(f"{i % 7},5.5" for i in range(30)), {"target": "y"}, "5.5 in every row"),
    "one class": ("a,y\n" + "\n".join(f"{i % 7},cat" for i in range(30)), {"target": "y"}, "'cat' in every row"),
    "an empty target": ("a,y\n" + "\n".join(f"{i % 7}," for i in range(30)), {"target": "y"}, "nothing in any row"),
    "a target of names": (
        "a,y\n" + "\n".join(f"{i % 7},n{i}" for i in range(30)),
        {"target": "y"},
        "30 different texts",
    ),
    "numbers asked, texts there": (f"a,b,y\n{ROWS}", {"target": "y", "task": "regression"}, "holds texts ('v')"),
    "an unknown task": (f"a,b,y\n{ROWS}", {"target": "y", "task": "ranking"}, "data.task=ranking"),
    "infinity": (f"a,b,y\n{ROWS}\ninf,1,u\n", {"target": "y"}, "inf in column a"),
    "a word among numbers": (
        f"a,b,y\n{ROWS}\nx1,1,u\n",
        {"target": "y"},
        "'x1' in column a, where 40 of 41 are numbers",
    ),
    "dates of two meanings": (
        "d,y\n" + "\n".join(f"{1 + i % 9}/2/2020,{'uv'[i % 2]}" for i in range(30)),
        {"target": "y"},
        "can be read in two ways",
    ),
    "no such day": (
        "d,y\n" + "\n".join(f"2021-02-{28 + i % 3},{'uv'[i % 2]}" for i in range(30)),
        {"target": "y"},
        "'2021-02-29' in column d is no date",
    ),
    "too few rows": ("a,y\n1,u\n2,v\n", {"target": "y"}, "2 rows with a target: expected at least 10"),
    "all columns empty": ("a,y\n" + "\n".join(f",{'uv'[i % 2]}" for i in range(30)), {"target": "y"}, "tells anything"),
    "the target left out": (f"a,b,y\n{ROWS}", {"target": "y", "skip": "y"}, "data.skip=y: that is the target"),
    "an unknown column left out": (f"a,b,y\n{ROWS}", {"target": "y", "skip": "a,zz"}, "unknown column in data.skip"),
    "all columns left out": (f"a,b,y\n{ROWS}", {"target": "y", "skip": ("a", "b")}, "no column is left"),
    "an unknown delimiter": (f"a,b,y\n{ROWS}", {"target": "y", "delimiter": "x"}, "unknown data.delimiter"),
    "an unknown head": (f"a,b,y\n{ROWS}", {"target": "y", "header": "x"}, "data.header=x: expected auto, yes or no"),
    "zero bytes": ("a,b,y\n1,\0,u\n", {"target": "y"}, "a zero byte"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_table_is_one_clear_line(write, tmp_path, case):
    text, options, says = WRONG[case]
    path = str(tmp_path / "none.csv") if text is None else write(text, "a.csv")
    with pytest.raises(UserError) as caught:
        load_table(path, options, Held())
    assert says in str(caught.value), str(caught.value)


def test_a_wrong_parquet_is_one_clear_line(tmp_path):
    polars = pytest.importorskip("polars")
    (tmp_path / "a.parquet").write_bytes(b"PAR1 but nothing of it")
    with pytest.raises(UserError, match="no Parquet file that can be read"):
        read_table(str(tmp_path / "a.parquet"), {})
    polars.DataFrame({"a": [[1], [2]]}).write_parquet(tmp_path / "b.parquet")
    with pytest.raises(UserError, match="column 'a' holds List"):
        read_table(str(tmp_path / "b.parquet"), {})
    polars.DataFrame({"a": []}).write_parquet(tmp_path / "c.parquet")
    with pytest.raises(UserError, match="0 rows of 1 columns"):
        read_table(str(tmp_path / "c.parquet"), {})


def test_parquet_without_polars_says_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "polars", None)
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    with pytest.raises(UserError, match=r"polars, which is not installed: pip install 'chainrule\[tables\]'"):
        read_table(str(tmp_path / "a.parquet"), {})


def test_an_image_or_a_folder_is_no_table(tmp_path):
    (tmp_path / "a.png").write_bytes(b"")
    for path in (tmp_path, tmp_path / "a.png"):
        with pytest.raises(UserError, match=r"expected a table, .csv, .tsv or .parquet"):
            read_table(str(path), {})
