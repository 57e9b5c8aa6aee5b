"""Bad input of texts, pairs, series and word vectors: through the command line, one clear line each, exit code 2.

What the readers themselves refuse stands in tests/data; tables, worlds and codes have theirs in test_bad_kinds.py.
"""

import gzip

import pytest

from chainrule.cli.main import main

LINES = {"de": ["ein hund singt .", "der rote mann schläft .", "ein alter mann .", "der hund ."]}
LINES["en"] = ["a dog sings .", "the red man sleeps .", "an old man .", "the dog ."]
REVIEWS = ["text,label", *["a fine film,good", "a dull film,bad"] * 20]
MONTHS = ["month,sales,rain", *[f"{i},{i * 7 % 11 + i},{i % 5}" for i in range(60)]]
VECTORS = ["film 1 0", "fine 0 1", "dull 1 1"]

FILES = {
    "reviews.csv": REVIEWS,
    "ragged.csv": [*REVIEWS[:20], "a film", *REVIEWS[20:]],
    "wide.csv": [*REVIEWS[:20], "a film, quite fine,good"],
    "quote.csv": [*REVIEWS, '"a film,good'],
    "blank.csv": [*REVIEWS, ",good"],
    "titles.csv": ["sentence,class", *REVIEWS[1:]],
    "twice.csv": ["text,text,label", *[f"a,{row}" for row in REVIEWS[1:]]],
    "head.csv": ["text,label"],
    "empty.csv": [],
    "one.csv": ["text,label", *["a film,good"] * 20],
    "many.csv": ["text,label", *[f"a film,{i}" for i in range(60)]],
    "words.csv": ["text,label", *["a film,2", "a play,3"] * 20, "a book,many"],
    "same.csv": ["text,label", *["a film,2"] * 20],
    "infinite.csv": ["text,label", *["a film,2", "a play,3"] * 20, "a book,inf"],
    "lines.csv": ["text,label", *["one book,good", "another book,bad", "some book,good"] * 9],
    "lines.txt": ["good a fine film", "bad a dull film", "good"] * 9,
    "tags.conll": ["a DET", "fine ADJ", "film NOUN", ""] * 20,
    "torn.conll": ["a DET", "fine ADJ", "film", ""] * 20,
    "none.conll": ["", "", ""],
    "long.conll": [*["a DET"] * 600, "", *["a DET", "film NOUN", ""] * 20],
    "sales.csv": MONTHS,
    "nan.csv": [*MONTHS[:31], "30,nan,1", *MONTHS[32:]],
    "gap.csv": [*MONTHS[:31], "30,,1", *MONTHS[32:]],
    "minus.csv": [*MONTHS[:31], "30,-4,1", *MONTHS[32:]],
    "thousands.csv": [*MONTHS[:31], '30,"1,200",1', *MONTHS[32:]],
    "torn.csv": [*MONTHS[:31], "30,4", *MONTHS[32:]],
    "few.csv": MONTHS[:12],
    "few3.csv": MONTHS[:4],
    "still.csv": ["month,sales", *[f"{i},3" for i in range(60)]],
    "text.txt": ["the king and the queen rule", "the man and the woman work"] * 60,
    "short.txt": ["hi"],
    "empty.txt": [],
    "blank.txt": ["", "  ", ""],
    "v.txt": VECTORS,
    "torn.vec": [*VECTORS, "play 1"],
    "nan.vec": [*VECTORS, "play nan 1"],
    "twice.vec": [*VECTORS, "film 1 1"],
    "word.vec": [*VECTORS, "play one 1"],
    "cut.vec": ["9 2", *VECTORS],
    "others.vec": ["xylophone 1 0", "zebra 0 1"],
    "three.questions": [": royal", "man woman king"],
    "none.questions": [": royal"],
    "word.pairs": ["king\tqueen\tmuch"],
    "torn.codes": ["#version: 0.2", "a b c"],
    "head.codes": ["a b", "c d"],
    "pairs.tsv": ["a dog\tein hund", "a man\tein mann", "a cat"],
}
BYTES = {
    "latin.csv": "text,label\nschön,good\n".encode() * 9 + b"sch\xf6n,bad\n",
    "zero.txt": b"the king\n\0the queen\n",
    "torn.txt.gz": gzip.compress(b"the king and the queen\n" * 99, mtime=0)[:-9],
    "sixteen.txt": b"\xff\xfeo\x00d",
    "cut.bin": b"2 2\na \0\0\x80?\0\0\0\0\nb \0\0",
}

TEXT, TAGS, SERIES = ["train", "text_bag"], ["train", "text_lstm"], ["train", "series_mlp"]
LM, W2V = ["train", "recurrent_lm"], ["train", "word2vec"]
TR, S2S = ["train", "transformer_seq2seq"], ["train", "seq2seq"]

TEXT_CASES = {
    "texts: no file": ([*TEXT, "gone.csv"], "gone.csv"),
    "texts: a folder of nothing": ([*TEXT, "nothing"], "nothing: no labelled texts: expected train.csv"),
    "texts: empty": ([*TEXT, "empty.csv"], "empty.csv: an empty file"),
    "texts: only a head": ([*TEXT, "head.csv"], "head.csv: only a head"),
    "texts: a cell missing": ([*TEXT, "ragged.csv"], "ragged.csv line 21: 1 columns: expected 2"),
    "texts: a comma too many": ([*TEXT, "wide.csv"], "wide.csv line 21: 3 columns: expected 2"),
    "texts: open quote": ([*TEXT, "quote.csv"], "quote.csv line 42: "),
    "texts: no text": ([*TEXT, "blank.csv"], "blank.csv line 42: nothing in column text"),
    "texts: other titles": ([*TEXT, "titles.csv"], "unknown column of titles.csv 'text': expected one of"),
    "texts: a title twice": ([*TEXT, "twice.csv"], "twice.csv: 2 columns are called text"),
    "texts: one label": ([*TEXT, "one.csv"], "every text has the label 'good'"),
    "texts: a label each": ([*TEXT, "many.csv"], "different labels in"),
    "texts: not UTF-8": ([*TEXT, "latin.csv"], "latin.csv line 19: byte 0xf6 is not UTF-8"),
    "texts: encoding unknown": ([*TEXT, "reviews.csv", "data.encoding=utf-9"], "encoding=utf-9: unknown"),
    "texts: encoding wrong": ([*TEXT, "latin.csv", "data.encoding=ascii"], "latin.csv line 2: byte 0xc3 is not ascii"),
    "texts: label alone": ([*TEXT, "lines.txt"], "lines.txt line 3: 'good': expected a label and a text"),
    "texts: delimiter": ([*TEXT, "reviews.csv", "data.delimiter=|"], "delimiter='|': expected a comma"),
    "texts: tokens unknown": ([*TEXT, "reviews.csv", "data.tokens=wrods"], "did you mean words?"),
    "texts: codes torn": ([*TEXT, "reviews.csv", "data.tokens=bpe:torn.codes"], "torn.codes line 2: 'a b c'"),
    "texts: codes without a head": ([*TEXT, "reviews.csv", "data.tokens=bpe:head.codes"], "head.codes line 1: 'a b'"),
    "texts: hf is no json": ([*TEXT, "reviews.csv", "data.tokens=hf:v.txt"], "v.txt"),
    "texts: a function of nobody": ([*TEXT, "reviews.csv", "data.tokens=no_such:cut"], "tokens=no_such:cut: "),
    "texts: normalised twice": ([*TEXT, "reviews.csv", "data.normalise=nfc+nfkc"], "two forms of Unicode"),
    "texts: no length": ([*TEXT, "reviews.csv", "data.max_length=0"], "data.max_length=0: expected an integer"),
    "numbers: a word": ([*TEXT, "words.csv", "data.task=numbers"], "label 'many': expected a number"),
    "numbers: infinite": ([*TEXT, "infinite.csv", "data.task=numbers"], "label 'inf': expected a number"),
    "numbers: all the same": ([*TEXT, "same.csv", "data.task=numbers"], "every text has the number 2"),
    "tags: a column missing": ([*TAGS, "torn.conll"], "torn.conll line 3: 1 columns: expected a token and its tag"),
    "tags: no sentence": ([*TAGS, "none.conll"], "none.conll"),
    "tags: too long": ([*TAGS, "long.conll"], "a sentence of 600 tokens"),
    "tags: of classes": ([*TAGS, "reviews.csv", "data.task=tags"], "expected classes or numbers"),
    "filters: none": (["train", "text_cnn", "reviews.csv", "model.windows=()"], "model.windows=(): expected numbers"),
    "filters: of half a word": (["train", "text_cnn", "reviews.csv", "model.windows=(1.5,)"], "model.windows=(1.5,)"),
    "heads": (["train", "text_transformer", "reviews.csv", "model.heads=3", "model.width=8"], "model.heads=3"),
    "vectors: no file": (
        [*TEXT, "reviews.csv", "model.vectors=gone.vec"],
        "model.vectors=gone.vec: no such file or run",
    ),
    "vectors: another language": ([*TEXT, "reviews.csv", "model.vectors=others.vec"], "knows none of the"),
    "vectors: other widths": ([*TEXT, "reviews.csv", "model.vectors=v.txt", "model.width=9"], "have 2 numbers each"),
    "vectors: torn": ([*TEXT, "reviews.csv", "model.vectors=torn.vec"], "torn.vec, line 4: 1 numbers behind 'play'"),
    "predict: empty": (["predict", "texts", ""], "text 1"),
    "predict: unknown words": (["predict", "texts", "qwertz uiop"], "text 1: 'qwertz uiop'"),
    "predict: no text": (["predict", "texts"], "no text given"),
    "predict: no file": (["predict", "texts", "--file", "gone.txt"], "gone.txt: no such file"),
    "predict: empty file": (["predict", "texts", "--file", "empty.txt"], "empty.txt: an empty file"),
    "evaluate: other labels": (["evaluate", "texts", "many.csv"], "many.csv"),
    "weights: another vocabulary": (
        [*TEXT, "lines.csv", "weights=texts", "model.width=4"],
        "weights=texts: of 8 tokens, number 4 is 'a'; of the 8 of lines it is 'book': expected a run with the same",
    ),
    "weights: a longer vocabulary": (
        [*TEXT, "words.csv", "weights=texts", "model.width=4"],
        "expected a run with the same",
    ),
    "weights: of a language model": ([*TEXT, "reviews.csv", "weights=lm", "model.width=4"], "weights=lm: "),
}

SERIES_CASES = {
    "series: nan": ([*SERIES, "nan.csv", "data.column=sales"], "nan.csv line 32, column sales: 'nan'"),
    "series: a gap": ([*SERIES, "gap.csv", "data.column=sales"], "gap.csv line 32"),
    "series: thousands": ([*SERIES, "thousands.csv", "data.column=sales"], "'1,200': expected a finite number"),
    "series: torn": ([*SERIES, "torn.csv", "data.column=sales"], "torn.csv line 32: 2 columns: expected 3"),
    "series: too short": ([*SERIES, "few.csv", "data.column=sales"], "rows leave"),
    "series: still": ([*SERIES, "still.csv", "data.column=sales"], "column 'sales' is constant"),
    "series: logarithm": ([*SERIES, "minus.csv", "data.column=sales", "data.log=true"], "holds -4: expected numbers"),
    "series: no column": ([*SERIES, "sales.csv", "data.column=sails"], "did you mean sales?"),
    "series: beside itself": (
        [*SERIES, "sales.csv", "data.column=sales", "data.beside=('sales',)"],
        "column 'sales' is named twice",
    ),
    "series: no window": ([*SERIES, "sales.csv", "data.window=0"], "data.window=0: expected"),
    "series: period": (
        [*SERIES, "sales.csv", "data.column=sales", "data.window=4", "data.period=99"],
        "data.period=99",
    ),
    "series: empty": ([*SERIES, "empty.csv"], "empty.csv: an empty file"),
    "series: a text": ([*SERIES, "text.txt"], "text.txt"),
    "predict: few rows": (["predict", "series", "few3.csv"], "a series of 3 rows: expected at least 6"),
    "predict: another table": (["predict", "series", "reviews.csv"], "reviews.csv"),
    "predict: two tables": (["predict", "series", "sales.csv", "sales.csv"], "2 tables: expected one"),
}

LANGUAGE_CASES = {
    "text: no file": ([*LM, "gone.txt"], "gone.txt"),
    "text: a folder of nothing": ([*LM, "nothing"], "nothing: no .txt file in this folder"),
    "text: empty": ([*LM, "empty.txt"], "empty.txt: an empty file"),
    "text: blank": ([*LM, "blank.txt"], "blank.txt: only empty lines"),
    "text: too short": ([*LM, "short.txt"], "a text of 3 characters"),
    "text: zero byte": ([*LM, "zero.txt"], "zero.txt line 2: a zero byte"),
    "text: archive cut off": ([*LM, "torn.txt.gz"], "torn.txt.gz: a damaged archive"),
    "text: UTF-16 cut off": ([*LM, "sixteen.txt"], "sixteen.txt"),
    "text: steps": ([*LM, "text.txt", "data.steps=0"], "data.steps=0: expected"),
    "text: kind": ([*LM, "text.txt", "model.kind=lsmt"], "lsmt"),
    "generate: strange characters": (["generate", "lm", "世界"], "characters that run 'lm' never saw: '世' '界'"),
    "generate: temperature": (["generate", "lm", "the", "--temperature", "0"], "temperature=0"),
    "generate: top-p": (["generate", "lm", "the", "--top-p", "2"], "top_p=2"),
    "generate: greedy and drawn": (["generate", "lm", "the", "--greedy", "--top-k", "3"], "--greedy and --top-k"),
    "generate: from a classifier": (["generate", "texts", "the"], "cannot generate"),
    "translate: with a language model": (["translate", "lm", "the"], "cannot translate"),
}

PAIR_CASES = {
    "pairs: no folder": ([*S2S, "gone"], "gone"),
    "pairs: unequal": (
        [*S2S, "unequal"],
        "train.en has 3 lines and unequal/train.de 4: expected one translation a line; the first without",
    ),
    "pairs: half missing": ([*S2S, "half"], "half/train.en line 2: empty, but half/train.de is not"),
    "pairs: not UTF-8": ([*S2S, "latin"], "latin/train.de line 2: byte 0xff is not UTF-8"),
    "pairs: empty": ([*S2S, "void"], "void/train.de: an empty file"),
    "pairs: one language": ([*S2S, "lonely"], "lonely"),
    "pairs: no such language": (
        [*S2S, "pairs", "data.source=fr", "data.target=en"],
        "data.source=fr: pairs has de, en",
    ),
    "pairs: twice the same": ([*S2S, "pairs", "data.source=en", "data.target=en"], "expected two different sides"),
    "pairs: a torn table": ([*S2S, "pairs.tsv"], "pairs.tsv line 3: 1 columns: expected 2"),
    "pairs: all too long": ([*S2S, "pairs", "data.max_length=1"], "all 4 training pairs are longer"),
    "pairs: two mistakes": (
        [*S2S, "pairs", "data.sampling=2", "data.merges=-1"],
        "data.sampling=2: expected a share",
        "data.merges=-1: expected an integer",
    ),
    "pairs: bleu": ([*S2S, "pairs", "data.bleu=14a"], "data.bleu=14a: expected auto, 13a"),
    "positions: while it learns": ([*TR, "vast", "data.max_length=2000"], "1,100 tokens: expected at most the 1,024"),
    "positions: of a sentence": (["translate", "tr", "ein hund " * 600], "1,200 tokens: expected at most the 1,024"),
    "sampling a Transformer": ([*TR, "pairs", "data.sampling=0.2"], "transformer_seq2seq reads all words"),
    "translate: unknown words": (["translate", "tr", "qwertz uiop"], "sentence 1"),
    "translate: nothing": (["translate", "tr"], "translate: expected sentences, or --file"),
    "translate: no file": (["translate", "tr", "--file", "gone.de"], "--file gone.de: no such file"),
    "translate: file not UTF-8": (["translate", "tr", "--file", "latin/train.de"], "latin/train.de line 2: not UTF-8"),
    "translate: n-best": (["translate", "tr", "ein hund", "--n-best", "9"], "--n-best 9: expected at most --beam 5"),
    "translate: attention of none": (["translate", "plain", "ein hund", "--attention", "a.png"], "no attention"),
    "translate: picture of a file": (
        ["translate", "tr", "--file", "pairs/train.de", "--attention", "a.png"],
        "--attention a.png: expected one sentence",
    ),
    "evaluate: other languages": (["evaluate", "tr", "pairs.tsv"], "pairs.tsv line 3: 1 columns"),
}

WORD_CASES = {
    "words: too few": ([*W2V, "short.txt"], "0 occur 5 times or more"),
    "words: a folder": ([*W2V, "nothing"], "a folder of 0 files"),
    "words: not UTF-8": ([*W2V, "latin.csv"], "is not utf-8; name its encoding"),
    "words: options": ([*W2V, "text.txt", "model.window=0", "model.sample=2"], "model.window=0", "model.sample=2"),
    "nearest: unknown": (["vectors", "words", "nearest", "zebra"], "zebra"),
    "nearest: nothing": (["vectors", "words", "nearest"], "nearest: no word given"),
    "analogy: no sign": (["vectors", "words", "analogy", "king man woman"], "no sign before 'man'"),
    "analogy: unknown": (["vectors", "words", "analogy", "king - man + zebra"], "zebra"),
    "action: typo": (["vectors", "words", "nearst", "king"], "did you mean nearest?"),
    "vectors: cut off": (
        ["vectors", "cut.vec", "nearest", "film"],
        "9 words of dimension 2 do not fit into a file of 31 bytes",
    ),
    "vectors: nan": (["vectors", "nan.vec", "nearest", "film"], "the vector of 'play' holds nan or inf"),
    "vectors: twice": (["vectors", "twice.vec", "nearest", "film"], "the word 'film' stands there twice"),
    "vectors: no number": (["vectors", "word.vec", "nearest", "film"], "'one' is not a number"),
    "vectors: binary cut off": (["vectors", "cut.bin", "nearest", "a"], "ends within word 2 of 2"),
    "vectors: of a classifier": (["vectors", "texts", "nearest", "film"], "has no word vectors"),
    "questions: three words": (["vectors", "words", "evaluate", "three.questions"], "line 2: 3 words; expected four"),
    "questions: none": (["vectors", "words", "evaluate", "none.questions"], "none.questions"),
    "pairs of words: no number": (["vectors", "words", "evaluate", "word.pairs"], "word.pairs"),
    "a vocabulary that does not fit": (["vectors", "forged", "nearest", "king"], "the checkpoint holds"),
}

CASES = TEXT_CASES | SERIES_CASES | LANGUAGE_CASES | PAIR_CASES | WORD_CASES


def folders(root):
    """Pairs that are right, and pairs that are not."""
    wrong = {
        "pairs": LINES,
        "unequal": {"de": LINES["de"], "en": LINES["en"][:3]},
        "half": {"de": LINES["de"], "en": [LINES["en"][0], "", *LINES["en"][2:]]},
        "void": {"de": [], "en": []},
        "lonely": {"de": LINES["de"]},
        "vast": {"de": [*LINES["de"], "hund " * 1100], "en": [*LINES["en"], "dog"]},
        "latin": LINES,
    }
    (root / "nothing").mkdir()
    for name, sides in wrong.items():
        (root / name).mkdir()
        for language, lines in sides.items():
            (root / name / f"train.{language}").write_text("".join(f"{line}\n" for line in lines))
    (root / "latin" / "train.de").write_bytes(
        "schön größer\nein \nhörte süße töne\n.\n".encode().replace(b"ein ", b"ein \xff")
    )


def runs():
    """A small run of every kind that is asked here."""
    small = ["epochs=1", "threads=1"]
    assert main([*TEXT, "reviews.csv", *small, "model.width=4", "name=texts"]) == 0
    assert main([*SERIES, "sales.csv", "data.column=sales", "data.window=6", *small, "name=series"]) == 0
    assert main([*LM, "text.txt", *small, "data.steps=8", "model.width=4", "name=lm"]) == 0
    assert main([*TR, "pairs", "val=0", *small, "model.width=4", "model.num_layers=1", "name=tr"]) == 0
    assert main([*S2S, "pairs", "val=0", *small, "model.width=4", "name=plain"]) == 0
    for name in ("words", "forged"):
        assert main([*W2V, "text.txt", *small, "model.dim=4", f"name={name}"]) == 0


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    root = tmp_path_factory.mktemp("sequences")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        for name, lines in FILES.items():
            (root / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        for name, data in BYTES.items():
            (root / name).write_bytes(data)
        folders(root)
        runs()
        vocabulary = root / "runs" / "forged" / "vocabulary.tsv"
        vocabulary.write_text(vocabulary.read_text() + "zebra\t9\n")
        yield root


def test_there_are_enough_cases():
    assert len(CASES) >= 60


@pytest.mark.parametrize("name", CASES)
def test_bad_input_is_one_line_for_each_error(name, place, capsys):
    """Exit code 2, a line for each thing wrong, no traceback, and not one file more or less."""
    argv, *expected = CASES[name]
    before = sorted(place.rglob("*"))
    capsys.readouterr()
    code = main(argv)
    shown = capsys.readouterr().err
    lines = shown.splitlines()
    assert code == 2, shown
    assert len(lines) == len(expected), shown
    for line, part in zip(lines, expected, strict=True):
        assert line.startswith("error: ") and part in line, shown
    assert "internal error" not in shown
    assert sorted(place.rglob("*")) == before
