"Every sentence about delivery has a proof that exists, and every mutant is named"
import json
import re
import shutil
import subprocess

import pytest

from . import mutants, oracle, proof

NAMES = sorted({name for names in proof.rows().values() if isinstance(names, list) for name in names})
APART = [name for each in proof.data()['apart'] for names in each['faults'].values() for name in names]
FOUND = [name for names in proof.data()['found'].values() for name in names]


def is_there(name):
    file, _, test = name.partition('::')
    path = proof.ROOT/file
    if not test: return file.endswith('.ipynb') and path.exists()
    return path.exists() and bool(re.search(rf'^(async )?def {test}\(', path.read_text(encoding='utf-8'), re.M))


def test_each_sentence_has_a_row_and_each_row_a_sentence(): assert proof.differences() == ([], [])


def test_a_sentence_that_changes_is_noticed(tmp_path):
    text, (page, other) = proof.PAGE.read_text(encoding='utf-8'), ('Live events follow.', 'Live events come later.')
    assert text.count(page) == 1
    changed = tmp_path/'delivery.ipynb'
    changed.write_text(text.replace(page, other), encoding='utf-8')
    assert proof.differences(changed) == ([('Trimmed events', other)], [('Trimmed events', page)])


def test_sentences_are_those_of_paragraphs_items_and_tables(tmp_path):
    text = """## One\n\nIt is *a*. It is\n`b`.\n\n- First item.\n- **Second.** An item.\n\n```py\ncode. More\n```\n
### Two\n\n| case | result | test |\n|---|---|---|
| It ends. | Nothing. | `tests/a.py::test_b`, `…::test_c` |\n"""
    page = tmp_path/'page.ipynb'
    cells = ('markdown', '# Title'), ('markdown', text), ('code', '1')
    made = [dict(cell_type=kind, source=[source]) for kind, source in cells]
    page.write_text(json.dumps(dict(cells=made)), encoding='utf-8')
    found = [(each.part, each.section, each.text, each.tests) for each in proof.sentences(page)]
    plain = ['It is *a*.', 'It is `b`.', 'First item.', '**Second.** An item.']
    row = ('One', 'Two', 'It ends. Nothing.', ['tests/a.py::test_b', 'tests/a.py::test_c'])
    assert found == [*(('One', 'One', each, []) for each in plain), row]


@pytest.mark.parametrize('name', NAMES)
def test_what_a_row_names_exists(name):
    if name.startswith(proof.BROWSER):
        assert name.removeprefix(proof.BROWSER) in proof.browser_mutants()
    else: assert name in (*oracle.RULES, proof.CELL, *mutants.FAULTS, *mutants.SENTENCES) or is_there(name)


@pytest.mark.parametrize('name', [*APART, *FOUND])
def test_the_test_of_a_fault_exists(name): assert is_there(name)


def test_each_sentence_is_proven_or_promises_nothing():
    bare = [each.text for each in proof.proven() if not each.proof and not each.tests]
    others = [each.proof for each in proof.proven() if isinstance(each.proof, str) and each.proof not in proof.WORDS]
    assert (bare, others) == ([], [])


def test_each_mutant_is_named_by_a_sentence():
    browser = {proof.BROWSER + name for name in proof.browser_mutants()}
    assert {*mutants.FAULTS, *mutants.SENTENCES, *browser} - {*NAMES} == set()


def test_each_mended_fault_is_described(): assert [*proof.data()['faults']] == [*mutants.FAULTS]


def test_each_script_says_what_was_found():
    texts = [proof.about(file) for file in proof.scripts()]
    bare = [text for text in texts if not text.endswith('.') or text.startswith(('seed', 'state'))]
    assert len(texts) > 10 and bare == []


def test_findings_are_named_after_the_rules():
    sources = [(proof.HERE/name).read_text(encoding='utf-8') for name in ('oracle.py', 'world.py')]
    named = re.findall(r"Finding\(f'([a-z ]+):|self\.find\('([a-z ]+)'", '\n'.join(sources))
    assert {one or other for one, other in named} == {*oracle.RULES}


def test_the_figures_of_the_page_are_those_of_a_run_without_findings():
    run, results = proof.measured('long_run.json'), proof.measured('mutants.json')['mutants']
    assert run['findings'] == 0 and all(run['judged'][rule] for rule in oracle.RULES)
    assert {*results} == {*mutants.FAULTS, *mutants.SENTENCES}
    assert {*proof.measured('js/measured.json')['mutants']} == {*proof.browser_mutants()}


def test_the_browsers_mutants_are_those_that_it_lists():
    node = shutil.which('node') or pytest.fail('node is missing; it comes with npm')
    listed = json.loads(subprocess.run([node, proof.SCRIPT, '--list'], capture_output=True, check=True).stdout)
    assert {each['name']: each['fault'] for each in listed} == proof.browser_mutants()
