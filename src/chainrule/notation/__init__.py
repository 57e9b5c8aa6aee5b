"""Code read as mathematics: letters, a tree, and two ways to draw it. · 把代码读作数学：字母、语法树与两种画法。"""
