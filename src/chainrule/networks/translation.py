"""Translators by name, without importing torch: a part of the catalogue. · 翻译模型的目录。"""

from typing import Any

from ..entry import Entry

# How pairs of sentences are read, `data.KEY=`: the fields of `learn.translation.kind.Reading`.
PAIRS: dict[str, Any] = {
    "source": None,
    "target": None,
    "test": None,
    "tokens": "words",
    "source_tokens": None,
    "target_tokens": None,
    "merges": 8000,
    "joint": False,
    "lower": False,
    "min_freq": 1,
    "source_size": 0,
    "target_size": 0,
    "max_length": 100,
    "max_pairs": 0,
    "max_tokens": 4096,
    "sampling": 0.0,
    "sampling_epochs": 10.0,
    "bleu": "auto",
}


def translator(target: str, en: str, zh: str, **options: Any) -> Entry:
    """The entry of a translator; the sizes of the vocabularies come from its data. · 翻译模型的条目。

    >>> translator("seq2seq:RecurrentSeq2Seq", "a net", "网络", width=8).kind
    'translation'
    """
    return Entry(f"chainrule.zoo.{target}", en, zh, options, kind="translation", reading=PAIRS)


TRANSLATORS = {
    "seq2seq": translator(
        "seq2seq:RecurrentSeq2Seq",
        "translator of recurrent layers, without attention",
        "循环翻译模型，无注意力",
        width=256,
        num_layers=1,
        kind="gru",
        dropout=0.0,
    ),
    "seq2seq_attention": translator(
        "seq2seq:AttentionSeq2Seq",
        "the same with attention: Bahdanau's, or Luong's scores",
        "同上，带注意力：Bahdanau 加性，或 Luong 的得分",
        width=256,
        kind="gru",
        bidirectional=True,
        dropout=0.0,
        score="additive",
    ),
    "transformer_seq2seq": translator(
        "transformer_seq2seq:TransformerSeq2Seq",
        "translator of attention only: the Transformer",
        "仅用注意力的翻译模型：Transformer",
        width=128,
        num_layers=4,
        heads=4,
        feed=0,
        dropout=0.1,
        norm_first=False,
    ),
}
