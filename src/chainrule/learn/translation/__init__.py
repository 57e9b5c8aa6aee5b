"""Translation from pairs of sentences. · 由句对学习翻译。"""
