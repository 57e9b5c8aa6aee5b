"""Tokens and back, byte-pair encoding against the published codes, and the vocabulary."""

import json
import random
from itertools import pairwise

import pytest

from chainrule.data.text import BPE, Normal, Vocabulary, read, tokenizer
from chainrule.data.text.bpe import merged, symbols
from chainrule.data.text.foreign import HuggingFace
from chainrule.errors import UserError


def test_E60_E61_spaces_and_punctuation_cut_no_chinese():
    line = "我喜欢学习自然语言处理(NLP)。"
    assert tokenizer("words").tokenize(line) == ["我喜欢学习自然语言处理", "(", "NLP", ")", "。"]
    assert tokenizer("chinese").tokenize(line)[:3] == ["我", "喜", "欢"]
    assert "NLP" in tokenizer("chinese").tokenize(line)
    assert len(tokenizer("characters").tokenize(line)) == len(line)
    assert BPE([("我", "喜")]).tokenize("我喜欢") == ["我喜", "欢</w>"]


@pytest.mark.parametrize("text", ["a  b\tc", "中文 and é\u2028", " leading", "e\u0301"])
def test_characters_lose_nothing(text):
    cut = tokenizer("characters")
    assert cut.lossless
    assert cut.detokenize(cut.tokenize(text)) == text


@pytest.mark.parametrize("text", ['He said: "no".', "It's 3.5 (or 4), isn't it?", "snake_case, naïve—x"])
def test_words_keep_every_mark(text):
    cut = tokenizer("words")
    assert "".join(cut.tokenize(text)) == text.replace(" ", "")


def test_words_put_together_again():
    cut = tokenizer("words")
    for text in ("A man, a dog (brown) and a cat.", "Wait! Who's there?"):
        assert cut.detokenize(cut.tokenize(text)) == text
    chinese = tokenizer("chinese")
    assert chinese.detokenize(chinese.tokenize("我有一只猫，两只狗。")) == "我有一只猫，两只狗。"


def test_spaces_and_sub_words_give_back_lines_with_single_blanks(shared_data):
    lines = read(shared_data / "multi30k" / "tok" / "val.lc.norm.tok.de.gz").lines
    bpe = tokenizer(f"bpe:{shared_data / 'multi30k' / 'bpe10k-ende' / 'codes'}")
    for cut in (tokenizer("spaces"), bpe):
        assert all(cut.detokenize(cut.tokenize(line)) == " ".join(line.split()) for line in lines)


def test_a_function_of_ones_own():
    assert tokenizer("shlex:split").tokenize("a 'b c'") == ["a", "b c"]
    with pytest.raises(UserError, match="gave int: expected strings"):
        tokenizer("builtins:bytearray").function = len
        odd = tokenizer("math:isqrt")
        odd.function = lambda text: [1]
        odd.tokenize("4")


def test_a_file_of_hugging_face(tmp_path):
    tokenizers = pytest.importorskip("tokenizers")
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel({"a": 0, "[UNK]": 1}, unk_token="[UNK]"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    made.save(str(tmp_path / "tokenizer.json"))
    cut = tokenizer(f"hf:{tmp_path / 'tokenizer.json'}")
    assert cut.tokenize("a b a") == ["a", "[UNK]", "a"]
    assert cut.detokenize(["a", "a"]) == "a a"
    (tmp_path / "bad.json").write_text("{}")
    with pytest.raises(UserError, match=r"no tokenizer\.json"):
        HuggingFace(str(tmp_path / "bad.json"))


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("wrods", "tokens=wrods: unknown: .*did you mean words"),
        ("bpe:", "tokens=bpe:: unknown"),
        ("bpe:no.codes", "no such file"),
        ("hf:no.json", "no such file"),
        ("no_such_package:cut", "No module named"),
        ("shlex:no", "has no attribute"),
    ],
)
def test_unknown_schemes(word, message):
    with pytest.raises(UserError, match=message):
        tokenizer(word)


# ---- sub-words ------------------------------------------------------------------------------------------------------


def by_passes(word: str, rank: dict) -> list[str]:
    """Merge as subword-nmt's text says: the best pair everywhere, from left to right, until none is known."""
    parts = symbols(word)
    while known := [p for p in pairwise(parts) if p in rank]:
        best = min(known, key=rank.__getitem__)
        out = []
        while parts:
            if tuple(parts[:2]) == best:
                out.append("".join(parts[:2]))
                parts = parts[2:]
            else:
                out.append(parts.pop(0))
        parts = out
    return parts


def test_merging_by_a_heap_is_merging_by_passes():
    draw = random.Random(0)
    for _ in range(300):
        pieces, merges = ["a", "b", "c", "a</w>", "b</w>"], []
        for _ in range(12):
            left, right = draw.choice(pieces), draw.choice(pieces)
            if not left.endswith("</w>") and (left, right) not in merges:
                merges.append((left, right))
                pieces.append(left + right)
        draw.shuffle(merges)
        rank = {pair: i for i, pair in enumerate(merges)}
        word = "".join(draw.choice("abc") for _ in range(draw.randint(1, 25)))
        assert merged(symbols(word), rank) == by_passes(word, rank)


@pytest.mark.parametrize("merges", [150, pytest.param(10_000, marks=pytest.mark.slow)])
def test_learning_gives_the_published_codes(shared_data, merges):
    codes = BPE.read(shared_data / "multi30k" / "bpe10k-ende" / "codes").merges
    tok = shared_data / "multi30k" / "tok"
    lines = [line for lang in ("en", "de") for line in read(tok / f"train.lc.norm.tok.{lang}.gz").lines]
    assert BPE.learn(lines, merges).merges == codes[:merges]


def test_published_codes_cut_as_subword_nmt_does(shared_data):
    bpe = BPE.read(shared_data / "multi30k" / "bpe10k-ende" / "codes")
    words = {w for line in read(shared_data / "multi30k" / "tok" / "val.lc.norm.tok.de.gz").lines for w in line.split()}
    for word in sorted(words)[::7]:
        assert bpe.tokenize(word) == by_passes(word, bpe.rank)


def test_a_long_word_is_cut_in_time_that_grows_as_its_length():
    bpe = BPE([("a", "b"), ("ab", "ab"), ("abab", "abab")])
    assert len(bpe.tokenize("ab" * 50_000)) == 12_503  # behind the last abababab: abab, ab, a, b</w>


def test_ties_are_broken_by_the_greatest_pair_and_rare_pairs_are_left():
    assert BPE.learn(["ab cd ab cd"], 10).merges == [("c", "d</w>"), ("a", "b</w>")]
    assert BPE.learn(["ab"], 10).merges == []
    assert BPE.learn(["ab"], 10, min_freq=1).merges == [("a", "b</w>")]
    assert BPE.learn(["aaaa aaaa"], 3).merges == BPE.learn(["aaaa", "aaaa"], 3).merges


def test_merges_go_to_a_file_and_back(tmp_path):
    bpe = BPE.learn(["low lower lowest 低 低头"] * 3, 20)
    bpe.write(tmp_path / "codes")
    assert BPE.read(tmp_path / "codes").merges == bpe.merges
    assert (tmp_path / "codes").read_text().startswith("#version: 0.2\n")


@pytest.mark.parametrize(
    ("codes", "message"),
    [
        ("a b\n", "codes line 1: 'a b': expected '#version: 0.2'"),
        ("#version: 0.1\na b\n", "the only one known"),
        ("#version: 0.2\na b\nabc\n", "codes line 3: 'abc': expected two symbols"),
        ("#version: 0.2\na  b\n", "codes line 2"),
        ("#version: 0.2\na b\na b\n", "the merge a b stands twice"),
        ("", "an empty file"),
    ],
)
def test_files_of_merges_that_are_wrong(tmp_path, codes, message):
    (tmp_path / "codes").write_text(codes)
    with pytest.raises(UserError, match=message):
        BPE.read(tmp_path / "codes")


@pytest.mark.parametrize(("words", "merges"), [([], 3), (["  "], 3), (["ab"], -1)])
def test_nothing_to_learn_from(words, merges):
    with pytest.raises(UserError, match="expected"):
        BPE.learn(words, merges)


# ---- normalisation --------------------------------------------------------------------------------------------------


def test_normalisation():
    assert Normal.parse("nfkc+lower+unaccented+space")("  Ａ É\tß") == "a e ß"
    assert Normal.parse("none")("Ａ é ") == "Ａ é "
    assert Normal.parse("nfc")("e\u0301") == "é"
    assert str(Normal.parse("space+lower")) == "lower+space"
    for word, message in (("lwer", "did you mean lower"), ("nfc+nfd", "two forms")):
        with pytest.raises(UserError, match=message):
            Normal.parse(word)
    with pytest.raises(UserError, match="unknown form"):
        Normal(form="nfz")


# ---- vocabulary -----------------------------------------------------------------------------------------------------


def test_E62_ids_0_to_3_are_fixed_and_UNK_is_NUL():
    words = Vocabulary.build([["b", "a", "b"]])
    assert [words.id(t) for t in ("<PAD>", "<BOS>", "<EOS>", "<NUL>", "<UNK>", "b", "a", "z")] == [
        0,
        1,
        2,
        3,
        3,
        4,
        5,
        3,
    ]
    assert words.encode(["<UNK>", "<NUL>", "z"]) == [3, 3, 3]
    assert Vocabulary(["<PAD>", "<BOS>", "<EOS>", "<UNK>", "a"]).token(3) == "<NUL>"


def test_a_text_cannot_write_the_marks_of_a_batch():
    words = Vocabulary.build([["<PAD>", "<EOS>", "a", "<BOS>"]])
    assert len(words) == 5
    assert words.encode(["<PAD>", "<BOS>", "a", "<EOS>"], bos=True, eos=True) == [1, 3, 3, 4, 3, 2]


def test_E74_EOS_is_predicted_and_not_returned():
    words = Vocabulary.build([["a", "b"]])
    assert words.decode([*words.encode(["a", "b"], bos=True, eos=True), 0, 0]) == ["a", "b"]


def test_frequency_and_size():
    text = [["c", "b", "a", "c", "b", "c"]]
    assert Vocabulary.build(text).tokens[4:] == ("c", "b", "a")
    assert Vocabulary.build(text, min_freq=2).tokens[4:] == ("c", "b")
    assert Vocabulary.build(text, max_size=5).tokens[4:] == ("c",)


def test_a_vocabulary_goes_to_a_file_and_back(tmp_path):
    words = Vocabulary.build([["字", "\u2028", 'say "hi"', "\n"]])
    words.write(tmp_path / "v.json")
    assert Vocabulary.read(tmp_path / "v.json") == words
    assert len({words, Vocabulary.read(tmp_path / "v.json")}) == 1


HEAD = ["<PAD>", "<BOS>", "<EOS>", "<NUL>"]


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ("[1,\n", "v.json line [12]: no JSON"),
        (json.dumps({"tokens": HEAD}), "no vocabulary"),
        (json.dumps([1]), "no vocabulary"),
        (json.dumps({"format": "chainrule vocabulary", "version": 1, "tokens": ["a", *HEAD]}), "begins with"),
        (json.dumps({"format": "chainrule vocabulary", "version": 1, "tokens": [*HEAD, "a", "a"]}), "'a' stands twice"),
        (json.dumps({"format": "chainrule vocabulary", "version": 1, "tokens": [*HEAD, "<UNK>"]}), "'<UNK>' stands"),
        (json.dumps({"format": "chainrule vocabulary", "version": 1, "tokens": [*HEAD, 7]}), "expected strings"),
        (json.dumps({"format": "chainrule vocabulary", "version": 2, "tokens": HEAD}), "no vocabulary"),
    ],
)
def test_files_that_are_no_vocabulary(tmp_path, told, message):
    (tmp_path / "v.json").write_text(told)
    with pytest.raises(UserError, match=message):
        Vocabulary.read(tmp_path / "v.json")


def test_words_and_sizes_that_a_vocabulary_refuses():
    words = Vocabulary.build([["a", "b"]])
    for call, message in (
        (lambda: words.known(["x", "y"], "a.txt line 3"), r"a.txt line 3: only unknown words \(x y\)"),
        (lambda: words.known([], "a.txt line 3"), "no token"),
        (lambda: words.fits(7, "embedding.weight"), "embedding.weight has 7 rows, the vocabulary 6 tokens"),
        (lambda: words.token(6), "expected 0…5"),
        (lambda: Vocabulary.build([]), "no token to number"),
        (lambda: Vocabulary.build([["a"]], min_freq=2), "'a' has the most, 1"),
        (lambda: Vocabulary.build([["a"]], max_size=4), "more than 4 entries"),
        (lambda: Vocabulary.build([["a"]], min_freq=0), "at least 1"),
    ):
        with pytest.raises(UserError, match=message):
            call()
    assert words.known(["x", "a"], "here") == [3, 4]
