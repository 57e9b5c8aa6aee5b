"""Tables of values: columns of numbers, categories, booleans and dates, and one that is to be foretold. · 表格数据。

files  a file to named columns   columns  what each is, and as a network takes it   target  what is foretold
reading  a table with its parts
"""
