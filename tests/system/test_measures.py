"The tools that measure English and shape: what they count, and what they leave out."

import ast
import json
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2] / "tools"))
import prose  # noqa: E402
import shape  # noqa: E402

PAGE = """---
title: A page whose title tells nobody
---

# What a heading says is left out

The log keeps `what it says` and [events](nobody.html). Two sentences are in one paragraph.

``` python
def tell(): "Nobody reads this"
```

| who | says |
|---|---|

- What is first counts.
- Who asks such a question?
"""
SENTENCES = ["The log keeps Xcode and events.", "Two sentences are in one paragraph.", "What is first counts.",
             "Who asks such a question?"]


def test_markdown_has_these_sentences():
    assert list(prose.sentences(PAGE)) == SENTENCES


def test_a_clause_as_subject_counts_and_a_question_does_not():
    assert [prose.opens_with_clause(sentence) for sentence in SENTENCES] == [False, False, True, False]


def test_figures_are_a_percentage_and_two_rates():
    found = prose.measure(["Nobody says a word.", "What nobody hears is lost."])
    assert found == dict(openings=50, speech=pytest.approx(2000 / 9), people=pytest.approx(2000 / 9), length=4.5)


CODE = """'Doc of a module'
x = 1  # A comment
log.warning(f"Lost {x} events")
raise ValueError("No topic")  # noqa: B904
"""


def test_python_has_docstrings_comments_and_messages():
    found = {text: kind for kind, _, text in prose.prose_of_python(CODE, "a.py")}
    messages = {"Lost X events": "message", "No topic": "message"}
    assert found == {"Doc of a module": "docstring", "A comment": "comment", **messages}


def notebook(tmp_path, *cells):
    "A notebook of Markdown cells, and of code cells, which begin with `#|`"
    path = tmp_path / "sample.ipynb"
    found = [dict(cell_type="code" if text.startswith("#|") else "markdown", source=[text]) for text in cells]
    path.write_text(json.dumps(dict(cells=found)), encoding="utf-8")
    return path


def test_exported_cells_are_measured(tmp_path):
    exported = ["#| export\n\na = 1\nb = 2", "#| exporti\nclass A:\n    c = 3"]
    book = shape.read_notebook(notebook(tmp_path, "Why", *exported, "#| exportd\nshown = 1", "#| hide\nx = 1"))
    assert (book.cells, book.words, book.bare, book.lines) == ([2, 2], 1, 1, 4)
    assert book.longest == {False: 2, True: 2}


CLASSES = """class A:
    def __init__(self, a, *, b=1): pass
@dataclass
class B:
    c: int
    d: ClassVar[int] = 1
"""


def test_parameters_are_those_of_the_constructor_or_of_a_dataclass():
    assert [shape.constructor_parameters(node) for node in ast.parse(CLASSES).body] == [["a", "b"], ["c"]]
