"""What proves each sentence of the page about delivery, for the page `explains/proof.ipynb`.

`proof.toml` names the proof. A sentence is found by its text, so a sentence that has changed needs its row again:
`python tests/simulation/proof.py` prints the sentences without a row, and the rows without a sentence.
"""

import json
import re
import sys
import tomllib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
if __name__ == '__main__': sys.path.insert(0, str(HERE.parent))
from simulation.mutants import FAULTS, SENTENCES  # noqa: E402
from simulation.oracle import RULES  # noqa: E402

PAGE, FILE, SCRIPT = ROOT/'nbs/explains/delivery.ipynb', HERE/'proof.toml', HERE/'js/mutants.mjs'
BROWSER_FILE = SCRIPT.with_name('measured.json')
WORDS = 'introduction', 'definition', 'advice', 'reason', 'exception'  # each says that a sentence promises nothing
CELL, BROWSER = 'cell', 'browser: '  # the code cell below a sentence; a mutant of the browser's side
FENCE = re.compile(r'^```.*?^```$', re.M | re.S)
END = re.compile(r'(?<=[.!?]) +(?=[A-Z`*\["])')
SOURCE = 'https://github.com/cj-mills/cjm-fasthtml-sse/blob/main'
TEST = re.compile(r'`([\w./…]+)::(test_\w+)`')


@dataclass
class Sentence:
    "One sentence, or one row of a table"
    part: str  # heading of the second level
    section: str  # the heading above it, of any level
    text: str
    tests: list[str] = field(default_factory=list)  # that the page itself names
    proof: list[str] | str | None = None


def blocks(text):
    "Yield paragraphs, items and rows of Markdown"
    for paragraph in re.split(r'\n\s*\n', FENCE.sub('', text)):
        for block in re.split(r'\n(?=\||- |\d+\. |#)', paragraph.strip()):
            if block: yield re.sub(r'^(-|\d+\.) ', '', ' '.join(block.split()))


def joined(cells):
    "The cells of a row as one text"
    return ' '.join(cell if cell.endswith('.') else f'{cell}:' for cell in cells[:-1]) + f' {cells[-1]}'


def sentences(page=PAGE):
    "Yield the sentences of the page, without headings, code and diagrams"
    cells = json.loads(page.read_text(encoding='utf-8'))['cells'][1:]
    part = section = 'Delivery'
    head, last = None, None
    for block in blocks('\n\n'.join(''.join(each['source']) for each in cells if each['cell_type'] == 'markdown')):
        row = [cell.strip() for cell in block.strip('|').split(' | ')] if block.startswith('|') else None
        if block.startswith('#'):
            section = block.lstrip('# ')
            part, head = section if block.startswith('## ') else part, None
        elif row is None:
            head = None
            for text in END.split(block):
                yield Sentence(part, section, text if text.count('**') % 2 == 0 else text.replace('**', ''))
        elif head is None: head = row
        elif not set(block) <= set('|-: '):
            found = TEST.findall(row[-1])
            tests = [f'{(last := last if file == "…" else file)}::{name}' for file, name in found]
            yield Sentence(part, section, joined(row[:-1]), tests)


@cache
def rows():
    "The rows of the data file, by section and sentence"
    parts = tomllib.loads(FILE.read_text(encoding='utf-8'))['sentences']
    return {(section, text): proof for section, inside in parts.items() for text, proof in inside.items()}


def proven(page=PAGE):
    "The sentences of the page with their proof"
    found = list(sentences(page))
    for each in found: each.proof = rows().get((each.section, each.text), [] if each.tests else None)
    return found


def differences(page=PAGE):
    "The sentences of the page without a row, and the rows without a sentence"
    found = proven(page)
    known = {(each.section, each.text) for each in found}
    missing = [(each.section, each.text) for each in found if each.proof is None]
    return missing, [row for row in rows() if row not in known]


@cache
def browser_mutants():
    "The mutants of the browser's side, each with what it breaks"
    found = re.findall(r"^    \['([\w-]+)', '((?:[^'\\]|\\.)*)',", SCRIPT.read_text(encoding='utf-8'), re.M)
    return dict(found)


def mutants(proof):
    "The mutants among the names of a proof, as they are shown"
    return [shown for name in proof if (shown := mutant(name))]


def mutant(name):
    if not name.startswith(BROWSER): return name if name in {**FAULTS, **SENTENCES} else None
    return browser_mutants().get(name.removeprefix(BROWSER))


def linked(name):
    "A test, by the names of file and test in words, with a link to its file"
    file, _, test = name.partition('::')
    words = [each.removeprefix('test_').replace('_', ' ') for each in (Path(file).stem, test)]
    return f"[{': '.join(words)}]({SOURCE}/{file})"


def tests(each):
    "The tests, pages and cells that prove a sentence, as Markdown"
    named = map(linked, dict.fromkeys([*(name for name in each.proof if '::' in name), *each.tests]))
    files = [name for name in each.proof if name.endswith('.ipynb')]
    pages = [f"page [{Path(name).stem}]({name.replace('nbs', '..', 1)})" for name in files]
    return [*(["the page's code"] if CELL in each.proof else []), *pages, *named]


def shown(each):
    "The proof of a sentence: a line of rules, one of mutants, and one of tests"
    rules = [f'`{name}`' for name in each.proof if name in RULES]
    lines = rules, [f'*{name}*' for name in mutants(each.proof)], tests(each)
    return '<br>'.join(', '.join(line) for line in lines if line)


def table(part):
    "The sentences of one part of the page that promise something, as a table"
    found, lines, section = [each for each in proven() if each.part == part and isinstance(each.proof, list)], [], part
    for each in found:
        if each.section != section or not lines:
            title = '' if each.section == part else f'\n\n**{each.section}**'
            lines.append(f'{title}\n\n| sentence | proof |\n|---|---|')
            section = each.section
        lines.append(f'| {each.text} | {shown(each)} |')
    return '\n'.join(lines).strip()


def data(): return tomllib.loads(FILE.read_text(encoding='utf-8'))


def measured(name):
    "What a long run wrote"
    file = HERE/name
    return json.loads(file.read_text(encoding='utf-8')) if file.exists() else {}


def outcome(name, results):
    "When a mutant was found, and by which rule"
    found = results.get(name)
    if not found: return 'not measured'
    if not found['finding']: return f"not found in {found['seconds']:.0f} s"
    return f"`{found['finding'].partition(':')[0]}`, {found['seconds']:.1f} s, at most {found['within']} simulations"


def fault_table():
    "The mutants that bring a mended fault back"
    results, faults = measured('mutants.json')['mutants'], data()['faults']
    lines = [f'| {faults[name]} | {name} | {outcome(name, results)} |' for name in FAULTS]
    return '\n'.join(['| fault | mutant | found |', '|---|---|---|', *lines])


def sentence_table():
    "The mutants that break a sentence, with the sentences that name them"
    results, broken = measured('mutants.json')['mutants'], {}
    for each in proven():
        for name in each.proof if isinstance(each.proof, list) else (): broken.setdefault(name, []).append(
            each.section if each.section != 'Delivery' else 'The promise')
    places = {name: '; '.join(dict.fromkeys(broken.get(name, ()))) for name in SENTENCES}
    lines = [f'| {name[0].upper()}{name[1:]}. | {places[name]} | {outcome(name, results)} |' for name in SENTENCES]
    return '\n'.join(['| mutant | breaks a sentence of | found |', '|---|---|---|', *lines])


def browser_table():
    "The mutants of the browser's side, after what a long run has done"
    run, results = measured('js/measured.json'), measured('js/measured.json').get('mutants', {})
    text = ("**The browser's side.** A second simulation runs the package's scripts in Node: tabs of one browser, on "
            'one clock, with faults of browsers and networks. Its mutants change the scripts. ')
    if run: text += f"On {run['date']}, {run['runs']:,} runs of it took {run['seconds']:,} seconds. "
    if run: text += 'A fault was found.' if run['findings'] else 'Nothing was found.'
    lines = [f"| {fault} | {re.sub(r'^d[0-9]+-', '', name).replace('-', ' ')} | {outcome(name, results)} |"
             for name, fault in browser_mutants().items()]
    return '\n'.join([text, '', '| fault, or sentence that is broken | mutant | found |', '|---|---|---|', *lines])


def apart_list():
    "The mended faults that no simulation expresses, by the reason"
    return '\n\n'.join('\n'.join([f"**{each['why']}**\n", '| fault | test |', '|---|---|', *(
        f"| {text} | {', '.join(map(linked, found))} |" for text, found in each['faults'].items())])
        for each in data()['apart'])


def found_list():
    "What the simulations have found"
    rows = [(about(file), f'[{file.name}]({SOURCE}/{file.relative_to(ROOT)})') for file in scripts()]
    rows += [(text, ', '.join(map(linked, found))) for text, found in data()['found'].items()]
    return '\n'.join(['| found | guarded by |', '|---|---|', *(f'| {text} | {guard} |' for text, guard in rows)])


def scripts(): return [*sorted((HERE/'found').glob('*.txt')), *sorted((HERE/'js/found').glob('*.txt'))]


def about(file):
    "The first paragraph of a script; on the browser's side, its comment"
    lines = file.read_text(encoding='utf-8').partition('\n\n')[0].splitlines()
    comment = [line.removeprefix('# ') for line in lines if line.startswith('# ')]
    return ' '.join(comment or lines)


def run_table():
    "What the long run judged, by rule"
    run = measured('long_run.json')
    lines = [f"| `{rule}` | {run['judged'].get(rule, 0):,} | {text} |" for rule, text in RULES.items()]
    return '\n'.join(['| rule | judged | a finding |', '|---|--:|---|', *lines])


def run_text():
    "The long run in one paragraph"
    run = measured('long_run.json')
    sent, shown = run['judged']['sent'], run['judged']['shown']
    found = 'Nothing was found.' if not run['findings'] else '**A fault was found, and it is not mended yet.**'
    return (f"On {run['date']}, {run['simulations']:,} simulations ran for {run['seconds']:,} seconds, on Python "
            f"{run['python']}. They sent {sent:,} events, and readers were shown {shown:,}. {found}")


def main():
    missing, gone = differences()
    for section, text in missing: print(f'no row, in {section!r}: {text}')
    for section, text in gone: print(f'no sentence, in {section!r}: {text}')
    sys.exit(bool(missing or gone))


if __name__ == '__main__': main()
