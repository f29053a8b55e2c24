"Compare the log of a reader with the sender's journal"

from collections import defaultdict
from typing import NamedTuple


class Sent(NamedTuple):
    "An event as the sender recorded it"
    position: int
    n: int
    topic: str | None
    key: str | None
    exclude: frozenset


class Wrong(AssertionError):
    "A broken guarantee"


def place(id):
    "Split an id of the log into its parts, which only a test may do"
    epoch, _, position = id.rpartition('-')
    return epoch, int(position)


def asked_for(wanted, topic):
    "Return whether a topic or pattern in `wanted` matches `topic`, by the simplest possible rule"
    if topic is None: return True
    for pattern in wanted:
        if pattern == topic: return True
        head, star = pattern[:pattern.rfind('/') + 1], pattern[pattern.rfind('/') + 1:]
        if star == '**' and topic.startswith(head): return True
        if star == '*' and topic.startswith(head) and '/' not in topic[len(head):]: return True
    return False


class Journal:
    "All events of one epoch of the log"

    def __init__(self, answer):
        self.epoch, self.head = place(answer['head'])
        self.events = [Sent(place(id)[1], *rest, frozenset(exclude)) for id, *rest, exclude in answer['events']]
        self.topics = {event.topic for event in self.events}

    def of(self, reader):
        "Return the events that `reader` subscribed to, in order, with whether it may receive each"
        wanted = {topic for topic in self.topics if asked_for(reader.topics, topic)}
        def visible(event): return not (reader.named and reader.name in event.exclude)
        return [(event, visible(event)) for event in self.events if event.topic in wanted]


class Walk:
    "Compare a reader's log with the journal, step by step"

    def __init__(self, reader, journal):
        self.reader, self.journal, self.mine, self.at = reader, journal, journal.of(reader), 0
        self.cursor, self.skipped, self.gaps, self.got, self.resets = None, [], [], set(), []

    def wrong(self, what):
        "Raise an error that names the reader"
        raise Wrong(f'{self.reader.name} (topics {self.reader.topics}, cursor {self.cursor}): {what}')

    def pass_to(self, position):
        "Pass over events up to `position`"
        passed = []
        while self.at < len(self.mine) and self.mine[self.at][0].position <= position:
            passed.append(self.mine[self.at])
            self.at += 1
        return passed

    def start(self, position):
        "Handle the first id of a new reader"
        self.pass_to(position)
        self.cursor = position

    def event(self, position, n):
        "Handle an event"
        if position <= self.cursor: self.wrong(f'event {position} (n={n}) arrived twice, or out of order')
        *before, here = self.pass_to(position) or [(None, False)]
        if here[0] is None or (here[0].position, here[0].n) != (position, n):
            self.wrong(f'event {position} (n={n}) was not sent, or not to this reader')
        if not here[1]: self.wrong(f'event {position} (n={n}) excludes this reader')
        self.skipped += [event for event, visible in before if visible]
        self.got.add(position)
        self.cursor = position

    def moved(self, position):
        "Handle an id without an event: all events up to it count as delivered"
        if position < self.cursor: self.wrong(f'the id {position} goes back')
        self.skipped += [event for event, visible in self.pass_to(position) if visible]
        self.cursor = position

    def reset(self, position, reason):
        "Handle a reset"
        what = f'a reset ({reason}) to {position}'
        if self.cursor is not None and position <= self.cursor: self.wrong(f'{what}, which is behind the cursor')
        if not self.pass_to(position) and reason != 'unknown': self.wrong(f'{what}, where it missed no event')
        self.gaps.append((self.cursor or 0, position))
        self.resets.append(reason)
        self.cursor = position

    def end(self):
        "Check that each event passed over was superseded by one that arrived, or that a reset covers it"
        if self.cursor is None or self.cursor < self.journal.head: self.wrong('did not reach the end')
        newest = defaultdict(int)
        for event, visible in self.mine:
            told = visible and (event.position in self.got or any(a < event.position <= b for a, b in self.gaps))
            if event.key is not None and told: newest[event.topic, event.key] = event.position
        for event in self.skipped:
            if event.key is None: self.wrong(f'never got {event}, and no reset covers it')
            if newest[event.topic, event.key] <= event.position:
                self.wrong(f'never got {event}, or a newer event with its key')


def check(reader, *journals):
    "Check the log of `reader` against `journals`, one for each epoch; return the reasons of its resets"
    if reader.odd: raise Wrong(f'{reader.name} got {reader.odd[:3]}')
    walks = [Walk(reader, journal) for journal in journals]
    number = 0
    for kind, id, *rest in reader.log:
        epoch, position = place(id)
        if epoch != walks[number].journal.epoch:
            number += 1
            if number == len(walks) or epoch != walks[number].journal.epoch or kind != 'reset':
                raise Wrong(f'{reader.name}: {kind} {id} of another epoch')
        walk = walks[number]
        if kind == 'reset': walk.reset(position, rest[0])
        elif walk.cursor is None:
            if kind != 'id': walk.wrong(f'began with {kind} {id}, not with an id')
            walk.start(position)
        elif kind == 'id': walk.moved(position)
        else: walk.event(position, rest[0])
    if number != len(walks) - 1: raise Wrong(f'{reader.name} never received the new epoch')
    walks[-1].end()
    return [reason for walk in walks for reason in walk.resets]
