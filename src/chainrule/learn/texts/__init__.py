"""Learning from texts: classes, numbers, a tag a word. · 由文本学习：类别、数值、逐词标注。"""
