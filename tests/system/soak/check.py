"What a reader should have got, by the sender's own journal, and whether it did"

from collections import defaultdict
from typing import NamedTuple


class Sent(NamedTuple):
    "An event as the sender wrote it down"
    position: int
    n: int
    topic: str | None
    key: str | None
    exclude: frozenset


class Wrong(AssertionError):
    "A promise that was not kept"


def place(id):
    "An id of the log, taken apart: only a test may do that"
    epoch, _, position = id.rpartition('-')
    return epoch, int(position)


def asked_for(wanted, topic):
    "Whether one of the topics and patterns in `wanted` means `topic`, said as naively as can be"
    if topic is None: return True
    for pattern in wanted:
        if pattern == topic: return True
        head, star = pattern[:pattern.rfind('/') + 1], pattern[pattern.rfind('/') + 1:]
        if star == '**' and topic.startswith(head): return True
        if star == '*' and topic.startswith(head) and '/' not in topic[len(head):]: return True
    return False


class Journal:
    "All that was sent in one life of the log"

    def __init__(self, answer):
        self.epoch, self.head = place(answer['head'])
        self.events = [Sent(place(id)[1], *rest, frozenset(exclude)) for id, *rest, exclude in answer['events']]
        self.topics = {event.topic for event in self.events}

    def of(self, reader):
        "What `reader` asked for, in order, with whether it may see it"
        wanted = {topic for topic in self.topics if asked_for(reader.topics, topic)}
        def visible(event): return not (reader.named and reader.name in event.exclude)
        return [(event, visible(event)) for event in self.events if event.topic in wanted]


class Walk:
    "Goes through what a reader got beside what it should have got"

    def __init__(self, reader, journal):
        self.reader, self.journal, self.mine, self.at = reader, journal, journal.of(reader), 0
        self.cursor, self.skipped, self.gaps, self.got, self.resets = None, [], [], set(), []

    def wrong(self, what):
        "Say what is wrong, and with whom"
        raise Wrong(f'{self.reader.name} (topics {self.reader.topics}, cursor {self.cursor}): {what}')

    def pass_to(self, position):
        "Events up to `position` that were passed over"
        passed = []
        while self.at < len(self.mine) and self.mine[self.at][0].position <= position:
            passed.append(self.mine[self.at])
            self.at += 1
        return passed

    def start(self, position):
        "A newcomer's first id"
        self.pass_to(position)
        self.cursor = position

    def event(self, position, n):
        "An event has come"
        if position <= self.cursor: self.wrong(f'event {position} (n={n}) came twice, or out of order')
        *before, here = self.pass_to(position) or [(None, False)]
        if here[0] is None or (here[0].position, here[0].n) != (position, n):
            self.wrong(f'event {position} (n={n}) is not what was sent, or not to it')
        if not here[1]: self.wrong(f'event {position} (n={n}) excludes it')
        self.skipped += [event for event, visible in before if visible]
        self.got.add(position)
        self.cursor = position

    def moved(self, position):
        "An id without an event has come: all up to it is said to have been given"
        if position < self.cursor: self.wrong(f'the id {position} goes back')
        self.skipped += [event for event, visible in self.pass_to(position) if visible]
        self.cursor = position

    def reset(self, position, reason):
        "It was told that it missed something"
        what = f'a reset ({reason}) to {position}'
        if self.cursor is not None and position <= self.cursor: self.wrong(f'{what}, which lies behind it')
        if not self.pass_to(position) and reason != 'unknown': self.wrong(f'{what}, where nothing of its own was sent')
        self.gaps.append((self.cursor or 0, position))
        self.resets.append(reason)
        self.cursor = position

    def end(self):
        "Whether everything that was passed over was superseded by something that came, or that a reset spoke of"
        if self.cursor is None or self.cursor < self.journal.head: self.wrong('did not come to the end')
        newest = defaultdict(int)
        for event, visible in self.mine:
            told = visible and (event.position in self.got or any(a < event.position <= b for a, b in self.gaps))
            if event.key is not None and told: newest[event.topic, event.key] = event.position
        for event in self.skipped:
            if event.key is None: self.wrong(f'never got {event}, and no reset stands there')
            if newest[event.topic, event.key] <= event.position:
                self.wrong(f'never got {event}, nor a newer event of its key')


def check(reader, *journals):
    "Hold what `reader` got against `journals`, one for each life of the log; returns the reasons of its resets"
    if reader.odd: raise Wrong(f'{reader.name} got {reader.odd[:3]}')
    walks = [Walk(reader, journal) for journal in journals]
    number = 0
    for kind, id, *rest in reader.log:
        epoch, position = place(id)
        if epoch != walks[number].journal.epoch:
            number += 1
            if number == len(walks) or epoch != walks[number].journal.epoch or kind != 'reset':
                raise Wrong(f'{reader.name}: {kind} {id} of another life')
        walk = walks[number]
        if kind == 'reset': walk.reset(position, rest[0])
        elif walk.cursor is None:
            if kind != 'id': walk.wrong(f'began with {kind} {id}, not with an id')
            walk.start(position)
        elif kind == 'id': walk.moved(position)
        else: walk.event(position, rest[0])
    if number != len(walks) - 1: raise Wrong(f'{reader.name} never heard of the new life')
    walks[-1].end()
    return [reason for walk in walks for reason in walk.resets]
