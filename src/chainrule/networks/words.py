"""Word vectors by name, without importing torch: a part of the catalogue. · 词向量的目录。"""

from ..entry import Entry

WORD2VEC = {
    "dim": 100,
    "window": 5,
    "negative": 5,
    "hs": False,
    "cbow": False,
    "sample": 1e-4,
    "min_count": 5,
    "max_words": 0,
    "lower": False,
    "encoding": "utf-8",
}

WORDS = {
    "word2vec": Entry(
        "chainrule.zoo.word2vec:Options",
        "word vectors from plain text: skip-gram or CBOW, negative sampling or hierarchical softmax",
        "由纯文本学习词向量：skip-gram 或 CBOW，负采样或层次 softmax",
        WORD2VEC,
        kind="vectors",
    ),
}
