"""Word vectors. · 词向量。"""
