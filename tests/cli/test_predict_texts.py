"""`chainrule predict` for runs that learned from texts: words, files, tables, JSON, CSV; and what is refused."""

import csv
import io
import json

import pytest

import chainrule
from chainrule.cli.main import main


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    root = tmp_path_factory.mktemp("predict")
    (root / "a.csv").write_text("text,label\n" + "warm sun,good\ncold rain,bad\n" * 30)
    (root / "n.csv").write_text("text,label\n" + "warm sun,30\ncold rain,5\n" * 30)
    (root / "t.conll").write_text("sun NOUN\nshines VERB\n\n" * 30)
    common = {"epochs": 8, "lr": 0.1, "batch_size": 16, "model": {"width": 4, "dropout": 0.0}, "runs": str(root)}
    chainrule.train("text_bag", root / "a.csv", name="classes", **common)
    chainrule.train("text_bag", root / "n.csv", name="numbers", data={"task": "numbers"}, **common)
    chainrule.train("text_bag", root / "t.conll", name="tags", **common)
    return root


def said(capsys, *words, code=0):
    assert main(["predict", *words]) == code
    out = capsys.readouterr()
    return out.err if code else out.out


def test_texts_are_answered_as_a_table_json_and_csv(place, capsys):
    run = str(place / "classes")
    shown = said(capsys, run, "sun", "rain")
    assert [line.split()[:2] for line in shown.splitlines()[1:]] == [["sun", "good"], ["rain", "bad"]]
    told = json.loads(said(capsys, run, "sun", "--json"))[0]
    assert told["label"] == "good" == told["top"][0][0] and told["probability"] == told["top"][0][1]
    rows = list(csv.reader(io.StringIO(said(capsys, run, "sun", "--csv", "-"))))
    assert rows[0] == ["text", "class", "probability", "class_2", "probability_2"] and rows[1][:2] == ["sun", "good"]
    assert said(capsys, run, "sun", "--topk", "1", "--csv", str(place / "out.csv")).startswith("1 texts in")
    assert (place / "out.csv").read_text().splitlines()[0] == "text,class,probability"


def test_each_line_of_a_file_is_a_text(place, capsys):
    (place / "lines.txt").write_text("sun\n\nrain\n")
    told = json.loads(said(capsys, str(place / "classes"), "warm", "--file", str(place / "lines.txt"), "--json"))
    assert [one["text"] for one in told] == ["warm", "sun", "rain"]


def test_numbers_and_tags_have_their_own_columns(place, capsys):
    assert 20 < json.loads(said(capsys, str(place / "numbers"), "warm sun", "--json"))[0]["value"] < 40
    assert "number" in said(capsys, str(place / "numbers"), "sun")
    assert said(capsys, str(place / "numbers"), "sun", "--csv", "-").startswith("text,number")
    tags = json.loads(said(capsys, str(place / "tags"), "sun shines", "--json"))[0]["tags"]
    assert [(one["token"], one["tag"]) for one in tags] == [("sun", "NOUN"), ("shines", "VERB")]
    rows = said(capsys, str(place / "tags"), "sun", "shines", "--csv", "-").splitlines()
    assert rows[0] == "text,token,tag,probability" and rows[2].startswith("2,shines,VERB,")
    assert "NOUN" in said(capsys, str(place / "tags"), "sun")


def test_what_cannot_be_answered_is_one_line_each(place, capsys):
    run = str(place / "classes")
    assert said(capsys, run, code=2).startswith("error: no text given: expected some")
    assert "nowhere.txt: no such file" in said(capsys, run, "--file", "nowhere.txt", code=2)
    assert "--tta and --sheet: for images" in said(capsys, run, "sun", "--sheet", "a.png", code=2)
    assert "--json and --csv: expected one" in said(capsys, run, "sun", "--json", "--csv", "-", code=2)
    unknown = said(capsys, run, "sun", "zzz", code=2)
    assert unknown.count("error") == 1 and "text 2: 'zzz': only unknown words" in unknown


def test_evaluate_tells_the_figures(place, capsys):
    assert main(["evaluate", str(place / "classes"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["accuracy"] == 1.0
    assert main(["train", "text_bag", str(place / "a.csv"), "epochs=1", f"runs={place}", "name=again"]) == 0
    shown = capsys.readouterr().out
    assert "naive Bayes" in shown and "verdict  test accuracy" in shown
