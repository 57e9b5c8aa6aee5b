"""Files of text in every encoding; parallel files, tables; what is wrong with them in one line, with its number."""

import gzip
import lzma

import pytest

from chainrule.data.text import columns, parallel, read
from chainrule.errors import UserError

POEM = "床前明月光，\n疑是地上霜。\n举头望明月，\n低头思故乡。\n"
CAFE = "Le café est là.\nDéjà vu à l'été, garçon.\nplain ascii line\n"


@pytest.mark.parametrize(
    ("text", "encoding", "found"),
    [
        (POEM, "utf-8", "utf-8"),
        (POEM, "utf-8-sig", "utf-8-sig"),
        (POEM, "gbk", "gb18030"),
        (POEM, "utf-16", "utf-16"),
        (CAFE, "utf-8", "utf-8"),
        (CAFE, "latin-1", "latin-1"),
        ("only ascii\n", "ascii", "utf-8"),
        ("mixed 中文 and English words\n", "gbk", "gb18030"),
        ("联通\n", "gbk", "gb18030"),
        ("好的\n", "gbk", "gb18030"),
        ("text,label\n今天天气很好,1\n我不喜欢,0\n", "gbk", "gb18030"),
        ("für Müßiggänger\n", "latin-1", "latin-1"),
        ("naïve\n", "latin-1", "latin-1"),
    ],
)
def test_the_encoding_is_found(tmp_path, text, encoding, found):
    path = tmp_path / "a.txt"
    path.write_bytes(text.encode(encoding))
    got = read(path)
    assert got.encoding == found
    assert got.lines == tuple(text.split("\n")[:-1])


@pytest.mark.parametrize(
    ("text", "place", "line"),
    [
        ("一个人在\n看书\n", 4, 1),
        ("中文\n", 5, 1),
        ("le café\nnaïve\n", 12, 2),
        ("床前明月光，\n疑是地上霜。\n", 30, 2),
    ],
)
@pytest.mark.parametrize("how", ["lost", "changed", "wrong"])
def test_a_few_lines_with_one_broken_byte_are_not_read_as_something_else(tmp_path, text, place, line, how):
    data = bytearray(text.encode())
    data[place : place + 1] = {"lost": b"", "changed": b"a", "wrong": b"\xe6"}[how]
    (tmp_path / "a.txt").write_bytes(data)
    with pytest.raises(UserError, match=rf"a.txt line {line}: byte 0x.. is not UTF-8, .*name the encoding"):
        read(tmp_path / "a.txt")


@pytest.mark.parametrize(("text", "encoding"), [("Привет, мир, как дела\n", "cp1251"), ("漢字與繁體的文章\n", "big5")])
def test_what_is_none_of_the_known_encodings_is_asked_for(tmp_path, text, encoding):
    (tmp_path / "a.txt").write_bytes(b"ok\n" + text.encode(encoding))
    with pytest.raises(
        UserError, match=r"a.txt line 2: byte 0x.. is not UTF-8, and the file is not surely GBK or Latin-1"
    ):
        read(tmp_path / "a.txt")
    assert read(tmp_path / "a.txt", encoding).lines[1] == text.strip()


def test_the_encoding_can_be_named(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes("é中".encode("gb18030"))
    assert read(path, "gb18030").lines == ("é中",)
    path.write_bytes("\ufeffa".encode())
    assert read(path, "utf-8").lines == ("a",)


def test_the_reviews_are_latin_1(shared_data):
    text = read(shared_data / "sentences" / "rt-polarity.all")
    assert text.encoding == "latin-1"
    assert len(text.lines) == 10_662


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_ends_of_lines(tmp_path, end):
    path = tmp_path / "a.txt"
    path.write_bytes(end.join(["a", "", "b\u2028c\x85", ""]).encode())
    text = read(path)
    assert text.lines == ("a", "", "b\u2028c\x85")
    assert [i for i, _ in text.filled()] == [0, 2]


def test_a_carriage_return_inside_a_line_of_unix_ends_nothing(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"a\rb\nc\n")
    assert read(path).lines == ("a\rb", "c")


@pytest.mark.parametrize(("ending", "pack"), [(".gz", gzip.compress), (".xz", lzma.compress)])
def test_packed_files(tmp_path, ending, pack):
    path = tmp_path / f"a.txt{ending}"
    path.write_bytes(pack(POEM.encode()))
    assert read(path).lines == tuple(POEM.split("\n")[:-1])


def test_a_line_of_a_million_characters(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("ab " * 333_334 + "\nend\n")
    assert [len(line) for line in read(path).lines] == [1_000_002, 3]


def written(tmp_path, **files):
    for name, data in files.items():
        (tmp_path / f"{name}.txt").write_bytes(data if isinstance(data, bytes) else data.encode())
    return tmp_path


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "a.txt: an empty file: expected lines of text"),
        (b"\xef\xbb\xbf", "a.txt: an empty file"),
        (b"\n \r\n\n", "only empty lines"),
        (b"a\nb\0c\n", "a.txt line 2: a zero byte"),
        ("日本語\nテキスト\n".encode() + b"\xff\n", "a.txt line 3: byte 0xff is not UTF-8, as the rest is"),
        ("é\nü\n".encode() + "ö".encode()[:1], "line 3: byte 0xc3 is not UTF-8"),
        (b"\xff\xfea", "a.txt line 1: byte 0x61 is not utf-16"),
    ],
)
def test_what_is_no_text_is_said_with_its_line(tmp_path, data, message):
    written(tmp_path, a=data)
    with pytest.raises(UserError, match=message):
        read(tmp_path / "a.txt")


@pytest.mark.parametrize(
    ("name", "encoding", "message"),
    [
        ("no.txt", None, "no such file; expected a file of text"),
        (".", None, "a folder: expected a file of text"),
        ("a\0b", None, "cannot be read"),
        ("a.gz", None, "damaged archive"),
        ("b.xz", None, "damaged archive"),
        ("cut.gz", None, "damaged archive"),
        ("a.txt", "klingon", "encoding=klingon: unknown: expected utf-8, gbk"),
        ("a.txt", "base64", "encoding=base64: unknown"),
        ("a.txt", "ascii", "a.txt line 2: byte 0xe4 is not ascii"),
        ("a.txt", "gbk", "a.txt line 2: byte 0xad is not gbk"),
    ],
)
def test_files_that_cannot_be_read(tmp_path, name, encoding, message):
    written(tmp_path, a="ok\n中文中\n的\n".encode())
    (tmp_path / "a.gz").write_bytes(b"no gzip")
    (tmp_path / "b.xz").write_bytes(b"no xz")
    (tmp_path / "cut.gz").write_bytes(gzip.compress(POEM.encode())[:-12])
    with pytest.raises(UserError, match=message) as caught:
        read(tmp_path / name, encoding)
    assert len(caught.value.lines) == 1


def test_parallel_files_keep_the_numbers_of_their_lines(tmp_path):
    written(tmp_path, a="one\n\nthree\n", b="eins\r\n\r\ndrei\r\n", c="un\n\ntrois")
    rows = parallel(*(tmp_path / f"{n}.txt" for n in "abc"))
    assert rows == [(0, ("one", "eins", "un")), (2, ("three", "drei", "trois"))]


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        ("1\n2\n3\n", "1\n2\n", "b.txt has 2 lines and .*a.txt 3: .*the first without one is .*a.txt line 3"),
        ("1\n\n3\n", "1\n2\n3\n", "a.txt line 2: empty, but .*b.txt is not"),
        ("1\n2\n", "", "b.txt: an empty file"),
    ],
)
def test_parallel_files_that_do_not_fit(tmp_path, a, b, message):
    written(tmp_path, a=a, b=b)
    with pytest.raises(UserError, match=message):
        parallel(tmp_path / "a.txt", tmp_path / "b.txt")


def test_multi30k_has_its_29000_pairs(shared_data):
    folder = shared_data / "multi30k" / "tok"
    rows = parallel(*(folder / f"train.lc.norm.tok.{lang}.gz" for lang in ("de", "en")))
    assert len(rows) == 29_000
    assert rows[-1][0] == 28_999


def test_tatoeba_s_first_line_has_no_mark(shared_data):
    rows = columns(shared_data / "tatoeba-eng-cmn" / "cmn.txt.gz", [0, 1])
    assert len(rows) == 29_155
    assert rows[0] == (0, ("Hi.", "嗨。"))


def test_named_columns(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('id,text,label\n1,"a, ""b""",x\n\n2,"two\nlines",y\n')
    assert columns(path, ["label", "text"]) == [(1, ("x", 'a, "b"')), (4, ("y", "two\nlines"))]
    path.write_text("text;label\na,b;x\n")
    assert columns(path, ["text"], delimiter=";") == [(1, ("a,b",))]
    (tmp_path / "b.tsv").write_text('a\tsaid "hi\nb\tc\n')
    assert columns(tmp_path / "b.tsv", [1]) == [(0, ('said "hi',)), (1, ("c",))]


@pytest.mark.parametrize(
    ("table", "names", "message"),
    [
        ("text,label\na,b,c\n", ["text"], "a.csv line 2: 3 columns: expected 2"),
        ("text,label\na\n", ["text"], "a.csv line 2: 1 columns: expected 2"),
        ("text,label\n,x\n", ["text"], "a.csv line 2: nothing in column text"),
        ("text,label\na,x\n", ["txet"], "unknown column of .*did you mean text"),
        ("text,text\na,x\n", ["text"], "2 columns are called text"),
        ("text,label\n", ["text"], "only a head"),
        ("a,b\n", [2], r"no column 2: expected 0…1"),
        ('text,label\n"a,x\n', ["text"], "a.csv line 2: .*check the quotation marks"),
        ("", ["text"], "an empty file"),
    ],
)
def test_tables_that_are_wrong(tmp_path, table, names, message):
    (tmp_path / "a.csv").write_text(table)
    with pytest.raises(UserError, match=message):
        columns(tmp_path / "a.csv", names)


def test_an_unknown_delimiter(tmp_path):
    (tmp_path / "a.csv").write_text("a|b\n")
    with pytest.raises(UserError, match="expected a comma"):
        columns(tmp_path / "a.csv", [0], delimiter="|")
