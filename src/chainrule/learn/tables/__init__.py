"""Learning from tables. · 由表格学习。"""
