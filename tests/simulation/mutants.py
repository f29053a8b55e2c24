"""Faults put into the package on purpose: the proof that the simulation finds such faults.

A mutant replaces one named thing of the package, by the text of its source, so that it fails loudly once that source
has changed. `FAULTS` bring back mended faults of an earlier version; `SENTENCES` break one sentence of the promise
each.

`python tests/simulation/mutants.py [NAME ...]` (`make mutants`) runs each until the first finding, on two cores.
`--write` writes what came of it to the file that the page `explains/proof.ipynb` reads.
"""

import argparse
import inspect
import json
import os
import secrets
import subprocess
import sys
import textwrap
import time
from pathlib import Path

if __name__ == '__main__': sys.path.insert(0, str(Path(__file__).parents[1]))
from cjm_fasthtml_sse.asgi import response  # noqa: E402
from cjm_fasthtml_sse.cluster import outgoing, peers, reader, sender  # noqa: E402
from cjm_fasthtml_sse.core import admission, dispatch, hub, manager, rounds, routes, subscribers, users  # noqa: E402
from cjm_fasthtml_sse.events import log, mailbox, positions  # noqa: E402
from simulation.oracle import Finding  # noqa: E402

SECONDS = 240  # of a core for one mutant, in each of two processes; other work beside them does not count
MEASURED = Path(__file__).with_name('mutants.json')
FAULTS, SENTENCES = {}, {}


def edited(function, *changes):
    "Return a copy of `function` whose source has the texts of `changes` replaced, each of which occurs once"
    function = inspect.unwrap(function)
    lines = textwrap.dedent(inspect.getsource(function)).split('\n')
    while lines[0].startswith('@'): lines.pop(0)
    source = '\n'.join(lines)
    for old, new in changes:
        if source.count(old) != 1: raise LookupError(f'{function.__qualname__} has {old!r} {source.count(old)} times')
        source = source.replace(old, new)
    made = {}
    exec(compile('from __future__ import annotations\n' + source, f'<mutant of {function.__qualname__}>', 'exec'),
         function.__globals__, made)
    return made[function.__name__]


def change(owner, name, *changes):
    "Return a function that puts the edited copy of a method or function in its place, and one that takes it back"
    static = inspect.getattr_static(owner, name)
    if isinstance(static, property): new = property(edited(static.fget, *changes))
    elif isinstance(static, classmethod): new = classmethod(edited(static.__func__, *changes))
    else: new = edited(getattr(owner, name), *changes)
    return owner, name, static, new


def fault(name, *parts):
    "Add a mutant that brings back the mended fault `name`"
    FAULTS[name] = lambda: [change(*part) for part in parts]


def sentence(name, *parts):
    "Add a mutant that breaks a sentence of the promise"
    SENTENCES[name] = lambda: [change(*part) for part in parts]


def put(changes):
    for owner, name, _, new in changes: setattr(owner, name, new)


def take_back(changes):
    for owner, name, old, _ in changes: setattr(owner, name, old)


# Mended faults

fault('floor of a loaded log', (reader, 'load_log', ('    log.trimmed.rise(opened.first)\n', '')))
fault('epoch after fork', (log.Log, 'new_epoch', ('if self.keeps_epoch: return', 'return')))
fault('node after fork', (manager.BroadcastManager, '_begin_in_child',
                              ('self.cluster.rename(self.time.token(4))', 'self.cluster.rename(self.cluster.node)')))
fault('publisher after fork', (outgoing.OutgoingQueue, 'reset', (
    'self.publisher, self._number, self._bytes = self.time.token(8), 0, 0',
    "self.publisher, self._number, self._bytes = getattr(self, 'publisher', None) or self.time.token(8), 0, 0")))
fault('callers hang', (sender.Sender, 'publish', ('if is_away: out.settle(0)', 'pass')), (
    outgoing.OutgoingQueue, 'fail', ('if out.buffered: out.settle(0)', 'if out.buffered: return')), (
    outgoing.OutgoingQueue, 'expire', ('elif out.buffered: out.settle(0)', 'elif out.buffered: pass')), (
    outgoing.OutgoingQueue, 'requeue', ('if out.buffered: out.settle(0)', 'if out.buffered: pass')))
fault('kept event lost', (outgoing.OutgoingQueue, 'requeue', (
    'self._queue.extendleft(out for out in reversed(batch) if out.number in self._pending)',
    'self._queue.extend(out for out in batch if out.number in self._pending)')))
fault('older state', (reader.Reader, '_continue_or_restart', (
    'or not await has_entries(backplane, [*self._last_entries], opened, self.position):',
    'or opened.last < self.position:')))
fault('one queue silences others', (hub.Hub, 'fan_out', (
    'except Exception as e: failed.append((subscriber, e))  # noqa: BLE001 - evicted below',
    'except ZeroDivisionError: raise')))
fault('shut queue starves full ones', (hub.Hub, 'catch_up', (
    'except Exception as e: self.evict_failed(connection, e)  # noqa: BLE001 - the others get their turn',
    'except Exception: return')))
fault('right given back', (admission, 'update_marks', (
    'return lacking if regained else lacking | earlier, regained', 'return lacking, False')))
fault('heartbeat of a dead epoch', (hub.Hub, 'heartbeat_frame', (
    'self._heartbeat_frame[0] != id', "self._heartbeat_frame[0].rpartition('-')[2] != id.rpartition('-')[2]")))
fault('revoke not heard by all', (dispatch.Dispatcher, 'dispatch', (
    'control = self.controls.get(record.type)',
    'control = self.controls.get(record.type)\n        import asyncio\n        if record.type == "revoke": '
    'asyncio.get_running_loop().call_later(2, control, record.data, event.position)\n        return 0')))
fault('controls let go', (dispatch.Dispatcher, 'swap_log', ('self.on_log_loaded(is_new, missed)', 'pass')))
fault('denied by its own dead line', *((module, 'check_capacity', (
    'if user is None or old.user != user: raise', 'if True: raise')) for module in (admission, routes)))
fault('reader that is ahead', (subscribers.StreamConnection, '_send_heartbeat', (
    'self.queue.ahead or ', '')))
fault('reset by a worker not yet back', (reader.Reader, 'knows', (
    'position = place()', 'return True\n    position = place()')))
fault('refused but seen', (outgoing.OutgoingQueue, 'requeue', (
    'out.doubtful or error.doubtful', 'False')), (
    outgoing.OutgoingQueue, 'expire', ('doubtful=out.sent', 'doubtful=False')))
fault('gap before another epoch', (reader.Reader, '_read_next', (
    'if opened.epoch == self.epoch:', 'if True:')))
fault('rest of a send', (subscribers.StreamConnection, 'flush', (
    'if waits := self.queue.has_more():', 'if waits := len(body) >= SMALL_BATCH and self.queue.has_more():')))
fault('builder that raises', (mailbox.Mailbox, '_take_one', (
    'frame = self._render_reset(event.topic, event.id)', "frame = b''")))

# One sentence of the promise each

sentence('the newest event of a full mailbox is dropped', (mailbox.Mailbox, 'offer', (
    'self.behind, self.cursor = True, event.position - 1', 'pass')))
sentence('one topic is forgotten among what was trimmed', (positions.Trimmed, 'any_since', (
    'for pattern in (None, *topics))', 'for pattern in (None, *list(topics)[1:]))')))
sentence('replay without rights', (mailbox.Mailbox, '_read_log', (
    'self.log.read(self.cursor, self.topics,', "self.log.read(self.cursor, frozenset({'**'}),")))
sentence('an exclusion is forgotten in replay', (mailbox.Mailbox, '_frame', (
    'if event.excluded_for(self.connection_id): return None', 'pass')))
sentence('a stream that left stays in the books', (hub.Hub, 'remove', (
    'if self.registry.remove(connection)', 'if not connection.is_stream and self.registry.remove(connection)')))
sentence('it is acknowledged before the engine has it', (sender.Sender, 'publish', (
    'return await out.future', 'return 0')))
sentence('a heartbeat names what was not sent yet', (mailbox.Mailbox, 'advance_if_idle', (
    'if self.behind or self.has_more(): return False', '')))
sentence('a repetition is not noticed', (peers.SeenNumbers, 'add', (
    'if self.get(publisher, 0) >= number: return False', '')))
sentence('a key replaces events of other topics', (log.Log, '_supersede', (
    'name = (event.topic, event.key)', 'name = (None, event.key)')))
sentence('a gap after an absence is not told', (log.Log, 'resume', (
    "return Resume(self.head, 'expired') if missed else", "return Resume(self.head) if missed else")))
sentence('an id of another epoch is taken for a new reader', (log.Log, 'resume', (
    "return Resume(self.head, 'unknown')", 'return Resume(self.head)')))
sentence('after a lost connection, reading goes on at the end', (reader.Reader, '_connect', (
    'self.peers.on_connect(opened.last_control)',
    'self.peers.on_connect(opened.last_control)\n    self.position = opened.last')))
sentence('kept events are sent newest first', (outgoing.OutgoingQueue, 'next_batch', (
    'if not batch: self.work.clear()', 'batch.reverse()\n    if not batch: self.work.clear()')))
sentence('a token outlives its right', (users.Users, 'without_revoked', (
    'return gone | self.revocations.revoked_since(user, max(known, default=None))', 'return gone'), (
    'return gone | self.revocations.revoked_since_earlier(user)', 'return gone')))
sentence('a reader that is told twice', (mailbox.Mailbox, '_queue_snapshot', (
    'frames.insert(0,', "frames.insert(0, encode_frame(body, event='sse-reset'))\n        frames.insert(0,")))
sentence('a full queue of the application loses an event', (subscribers.QueueConnection, 'offer', (
    'self.behind, self.cursor = True, event.position - 1', 'self.behind, self.cursor = True, event.position')))
sentence('a new log resets nobody', (dispatch.Dispatcher, 'swap_log', (
    "elif reason != 'expired' or each.cursor < floor: each.reset(reason)", 'else: each.skip_to(log.head)')))
sentence('an epoch that was left and comes back is taken for a new one', (reader.Reader, '_continue_or_restart', (
    'not in (self.epoch, *self._left_epochs)', '!= self.epoch')))
sentence('a round is offered again', (rounds, '_offer', (
    'if event.position > stream.queue.cursor: stream.offer(event)', 'stream.offer(event)')))
sentence('a round forgets who is excluded', (rounds, '_without', (
    'each.connection_id not in exclude', 'True')))
sentence('a round writes to a paused transport', (rounds.Rounds, '_write', (
    ' and not stream.flow.write_paused', '')))
sentence('an opened mailbox is passed over', (subscribers.StreamConnection, '_leave_rounds', (
    'self.write_chunk, self._mailbox.cursor = None, self.written_upto', 'self._mailbox.cursor = self.written_upto')))
sentence('a heartbeat overtakes a round', (subscribers.StreamConnection, '_write_heartbeat', (
    'if not self.hub.in_round():', 'if True:')))
sentence('the first bytes of a stream have no time limit', (response.SSEResponse, '__call__', (
    'asyncio.timeout(stream.send_timeout)', 'asyncio.timeout(None)')))


def run_mutant(name, seconds):
    "Put one mutant in place, run fresh simulations until it is found, and return what came of it"
    from simulation.run import RUNS, run_for
    changes, first, count, took, others = {**FAULTS, **SENTENCES}[name](), secrets.randbits(32), 0, 0.0, []
    while True:
        put(changes)
        began = time.process_time()
        try: ran, failure = run_for(seconds - took, first + count // RUNS, shrink=False, clock=time.process_time)
        finally: take_back(changes)
        took, count = took + time.process_time() - began, count + ran
        about = dict(name=name, seconds=round(took, 1), others=others)
        if failure is None: return about | dict(within=count, seed=None, finding=None)
        (seed, error), count = failure, count + RUNS
        if is_clean(seed): return about | dict(within=count, seed=seed, finding=in_words(error))
        others.append(seed)


def is_clean(number):
    "Return whether a seed finds nothing in the package as it is, so that a finding is that of a mutant"
    from simulation.run import run_seed
    try: run_seed(number, shrink=False)
    except Exception: return False  # noqa: BLE001 - any finding
    return True


def in_words(error):
    text = str(error if isinstance(error, Finding) else f'problem: {error!r}')
    return text.partition('. It saw')[0].replace('\n', ' ')[:300]


def keep(results):
    "Write results to the file of all, without those of mutants that are gone"
    from simulation.run import write
    before = json.loads(MEASURED.read_text(encoding='utf-8'))['mutants'] if MEASURED.exists() else {}
    found = before | {each.pop('name'): each for each in results}
    write(MEASURED, mutants={name: found[name] for name in [*FAULTS, *SENTENCES] if name in found})


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('names', nargs='*', metavar='NAME')
    parser.add_argument('--seconds', type=float, default=SECONDS)
    parser.add_argument('--alone', action='store_true', help='in this process, only the first')
    parser.add_argument('--write', action='store_true', help=f'write {MEASURED.name}')
    args = parser.parse_args()
    ours = {**FAULTS, **SENTENCES}
    names = [name for name in args.names or ours if name in ours]
    others = [name for name in args.names if name not in ours]
    if args.alone: return run_alone(names[0], args.seconds)
    results = [run_in_two(name, args.seconds) for name in names]
    if args.write: keep(results)
    worst = int(not all(each['finding'] for each in results))
    script = Path(__file__).parent/'js'/'mutants.mjs'  # those of the browser's side
    if others or not args.names: worst = max(worst, subprocess.run(['node', script, *others], check=False).returncode)
    sys.exit(worst)


def run_alone(name, seconds):
    found = run_mutant(name, seconds)
    print(json.dumps(found))
    sys.exit(not found['finding'])


def run_in_two(name, seconds):
    "Run one mutant in two processes, until the first of them has a finding"
    command = [sys.executable, __file__, name, '--alone', '--seconds', str(seconds)]
    env = {**os.environ, 'PYTHONHASHSEED': '0'}
    about = dict(stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env)
    both = [subprocess.Popen(command, **about) for _ in range(2)]
    try:
        while not (ended := [each for each in both if each.poll() is not None]): time.sleep(0.1)
        first = next((each for each in ended if each.returncode == 0), None) or both[0]
        if first.wait(): first = both[1]
        text = first.communicate()[0].strip()
    finally:
        for each in both: each.kill()
    try: found = json.loads(text.split('\n')[-1])
    except ValueError: raise SystemExit(f'{name}\n{text}') from None
    about = f"{name} | {found['seconds']} s, within {found['within']} simulations | seed {found.pop('seed')}"
    print(f"{about} | {found['finding'] or 'NOT FOUND'}", flush=True)
    if others := found.pop('others'): print(f'  These seeds fail without it too: {others}', flush=True)
    return found


if __name__ == '__main__': main()
