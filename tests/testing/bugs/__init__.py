"Small applications with one mistake each: `make(is_mended)` returns the wrong one or the right one"
