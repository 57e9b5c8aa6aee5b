"""Language models. · 语言模型。"""
