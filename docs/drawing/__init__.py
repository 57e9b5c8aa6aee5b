"""The pictures of the pages, each drawn by what it shows; a file a subject, with `draw(folder)`. · 页面的图片。"""
