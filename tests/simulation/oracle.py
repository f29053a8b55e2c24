"""The judge of a simulation. It knows the promise and no code of the package: what was sent, where the engine placed
it, who might see what and when, and the bytes that each reader got.

**Every event reaches every reader that may see it, once and in order, or the reader is told that it missed something.**
A finding is a broken part of that sentence. Its text begins with one of the `RULES`, and `JUDGED` counts how often each
was applied.
"""

import re
from collections import Counter, defaultdict

ID = re.compile(r'([0-9a-z]+)-([0-9]+)')
RULES = {
    'loss': 'A reader misses an event that it may see, and got no reset.',
    'doubling': 'An event is shown twice, or two streams have one connection id.',
    'disorder': 'An event is shown after a later one.',
    'invented': 'An event is shown that has no place in the log.',
    'leak': 'An event is shown to a reader that it is not for, or whose permission had ended.',
    'reset without cause': 'A reader gets a reset, and missed nothing.',
    'untrue': 'A call returns another result than its event had.',
    'hang': 'A call does not return, or a reader stays without its stream.',
    'growth': 'A log, a mailbox or a book of streams holds more than it should.',
    'problem': 'A task is lost, an exception is not handled, or an error is logged.',
}
SHOWN = 'doubling', 'disorder', 'invented', 'leak', 'untrue'  # the rules that judge an event that was shown
JUDGED = Counter()  # by rule, and `sent` and `shown` events
LONGEST_CALL, LONGEST_REQUEST, SILENT_HEARTBEATS = 30.0, 40.0, 3.5  # seconds, and intervals


class Finding(AssertionError):
    "A broken promise"


def place_of(id):
    "Return epoch and position of an id"
    found = ID.match(id or '')
    return (found[1], int(found[2])) if found else (None, 0)


def fits(topics, topic):
    "Return whether a reader of `topics` asks for events of `topic`"
    return topic is None or any(is_match(each.split('/'), topic.split('/')) for each in topics)


def is_match(pattern, parts):
    if pattern[:1] == ['**']: return bool(parts)
    if not pattern or not parts: return pattern == parts
    return pattern[0] in ('*', parts[0]) and is_match(pattern[1:], parts[1:])


class Truth:
    "What happened, as the world saw it from outside of the package"
    def __init__(self, has_engine, max_events):
        self.has_engine, self.max_events = has_engine, max_events
        self.events, self.placements, self.lives = {}, [], {}  # by number; in order; of each epoch
        self.rights, self.broken, self.trimmed = [], set(), 0  # changes; events that cannot be rendered; of the engine
        self.life, self.of = 0, defaultdict(list)

    def placements_of(self, n):
        for each in self.placements[sum(map(len, self.of.values())):]: self.of[each.n].append(each)
        return self.of.get(n, ())

    def right_at(self, reader, topic, moment):
        "Return `held`, `between` while it is taken away, or `gone`"
        state = 'held'
        for change in self.rights:
            if (change.user, change.topic) != (reader.user, topic) or change.began > moment: continue
            is_known = self.has_engine or change.worker is reader.worker  # without an engine, one process alone is told
            late = max(reader.worker.began, reader.worker.lacks_since)  # as a later process may not know
            if reader.token and late > change.began: is_known = False
            gone = 'gone' if change.ended is not None and change.ended < moment and is_known else 'between'
            state = 'held' if change.is_given else gone
        return state

    def right_over(self, reader, topic, start, end):
        "Return the states of a right between two moments"
        changes = (change for change in self.rights if (change.user, change.topic) == (reader.user, topic))
        inside = {m for change in changes for m in (change.began, change.ended) if m is not None and start < m < end}
        return {self.right_at(reader, topic, m) for m in (start, end, *inside, *(m + 1 for m in inside))}

    def may_see(self, reader, event):
        "Return whether `event` is for `reader`, apart from rights that end"
        is_excluded = reader.connection_id is not None and reader.connection_id in event.exclude
        return fits(reader.topics, event.topic) and not is_excluded

    def covers(self, reset, placement):
        "Return whether a reset tells of what stands at `placement`"
        epoch, position = place_of(reset.id)
        lives = self.lives.get(epoch, ())
        if not self.has_engine and placement.life not in lives: return reset.moment > placement.moment
        newest = max(lives, default=0)
        return placement.life < newest or placement.life in lives and placement.position <= position


class Judge:
    "Judges one reader as it goes, and once all is quiet"
    def __init__(self, truth, reader):
        self.truth, self.reader, self.done, self.segment, self.shown = truth, reader, 0, [], {}

    def find(self, what, about):
        seen = [f'{s.kind} {s.n if s.n is not None else s.id or ""}'.strip() for s in self.reader.seen[-12:]]
        raise Finding(f'{what}: {self.reader} {about}. It saw: {", ".join(seen)}')

    def look(self):
        "Judge what came since the last look"
        for i in range(self.done, len(self.reader.seen)):
            self.done, seen = i + 1, self.reader.seen[i]
            if seen.kind == 'event': self.look_at_event(seen)
            elif seen.kind == 'reset':
                self.look_at_reset(i, seen)
                if seen.about.get('topic') is None and seen.about['reason'] != 'render': self.segment = []
            elif seen.kind == 'rendered': self.segment, self.shown = [], {}  # a page that is made anew shows everything
            elif seen.kind == 'asked' and not seen.id: self.segment = []

    def look_at_event(self, seen):
        truth, reader, event = self.truth, self.reader, self.truth.events[seen.n]
        JUDGED.update(('shown', *SHOWN))
        if not truth.may_see(reader, event): self.find('leak', f'was shown {event}, which is not for it')
        if event.topic is not None and reader.user is not None:
            if truth.right_over(reader, event.topic, event.began, seen.moment) == {'gone'}:
                self.find('leak', f'was shown {event}, and its right had ended before that was sent')
        places = truth.placements_of(seen.n)
        if not places: self.find('invented', f'was shown {event}, which the engine never placed')
        if event.outcome == 'not sent': self.find('untrue', f'was shown {event}, and its sender was told otherwise')
        again = seen.n in self.segment or self.shown.get(seen.n) == truth.life and not event.is_retained
        if again and not self.was_trimmed_between(places): self.find('doubling', f'was shown {event} twice')
        last = truth.placements_of(self.segment[-1]) if self.segment else []
        is_earlier = last and max(places_in(places)) < min(places_in(last))
        lives = truth.lives.get(place_of(seen.id)[0], ())  # no order until the older is noticed
        if is_earlier and not ({places[-1].life, last[0].life} <= {*lives} and places[-1].life < last[0].life):
            self.find('disorder', f'was shown {event} after {truth.events[self.segment[-1]]}')
        self.segment.append(seen.n)
        self.shown[seen.n] = truth.life

    def was_trimmed_between(self, places):
        return max(p.position for p in places) - min(p.position for p in places) > self.truth.max_events

    def look_at_reset(self, i, reset):
        JUDGED['reset without cause'] += 1
        if not self.has_cause(i, reset): self.find('reset without cause', f'missed nothing: {reset.about}')

    def has_cause(self, i, reset):
        truth, reader = self.truth, self.reader
        (epoch, position), (new_epoch, upto) = place_of(reset.about['before']), place_of(reset.id)
        told = next((s.id for s in reversed(reader.seen[:i]) if s.kind in ('reset', 'rendered')), None)
        if place_of(told)[0] == new_epoch != epoch: epoch, position = place_of(told)  # it was told of this one before
        if epoch is None: return reset.about['reason'] == 'render' and bool(truth.broken)
        lives = truth.lives.get(epoch, set())
        if epoch != new_epoch:
            if not truth.has_engine: return True
            return min(lives, default=0) < truth.life
        if len(lives) > 1 or truth.has_engine and truth.trimmed > position: return True
        taken = (change for change in truth.rights if change.user == reader.user and not change.is_given)
        if any(fits(reader.topics, change.topic) for change in taken): return True
        shown = {seen.n for seen in reader.seen[:i] if seen.kind == 'event'}
        for event in truth.events.values():
            if event.n in shown or not fits(reader.topics, event.topic): continue  # a log forgets whom it excluded
            places = truth.placements_of(event.n)
            if not places and event.is_buffered: return True  # it was given up
            if any(p.life in lives and position < p.position <= upto for p in places): return True
        return False

    def look_when_quiet(self, now):
        "Judge what is missing, once there was time for everything"
        self.look()
        reader = self.reader
        rendered = max((i for i, seen in enumerate(reader.seen) if seen.kind == 'rendered'), default=0)
        seen_since = reader.seen[rendered:]
        starts = (seen for seen in seen_since if seen.kind == 'open' or seen.kind == 'rendered' and seen.id)
        opened = next((seen.moment for seen in starts), None)
        if opened is None or reader.state != 'open': return
        shown = {seen.n for seen in seen_since if seen.kind == 'event'}
        resets = [seen for seen in seen_since if seen.kind == 'reset']
        JUDGED['loss'] += len(self.truth.events)
        for event in list(self.truth.events.values()):
            if event.n in shown or not self.is_missing(event, opened, now, resets): continue
            self.find('loss', f'missed {event}')

    def is_missing(self, event, opened, now, resets):
        truth, reader, places = self.truth, self.reader, self.truth.placements_of(event.n)
        if not places or places[0].moment < opened or not truth.may_see(reader, event): return False
        if not truth.has_engine and places[0].life not in reader.lives(): return False
        if not reader.has([event.topic] if event.topic else []): return False  # it was told which topics it has
        if event.topic is not None and reader.user is not None:
            if truth.right_at(reader, event.topic, now) != 'held': return False
            if truth.right_over(reader, event.topic, event.began, places[0].moment) != {'held'}: return False
        is_told = any(self.tells(reset, event, places[0]) for reset in resets)
        return not is_told and not self.is_superseded(event, places[0])

    def tells(self, reset, event, place):
        truth, topic = self.truth, reset.about.get('topic')
        if topic not in (None, event.topic): return False
        if event.n not in truth.broken or truth.covers(reset, place): return truth.covers(reset, place)
        epoch, position = place_of(reset.id)  # one reset tells of all failures in a row
        row = [e for e in truth.events.values() if truth.may_see(self.reader, e) and e.n not in truth.broken]
        between = (p for e in row for p in truth.placements_of(e.n)[:1] if p.life == place.life)
        is_apart = any(position < p.position < place.position for p in between)
        return place.life in truth.lives.get(epoch, ()) and not is_apart

    def is_superseded(self, event, place):
        if event.key is None: return False
        same = (e for e in self.truth.events.values() if (e.topic, e.key) == (event.topic, event.key))
        places = (self.truth.placements_of(e.n) for e in same if e is not event and self.truth.may_see(self.reader, e))
        return any(each and each[-1].moment > place.moment for each in places)


def places_in(places): return [(p.life, p.position) for p in places]


def judge_callers(truth, is_alive, now, is_quiet):
    "Judge what those were told who sent an event"
    if is_quiet: JUDGED.update(untrue=len(truth.events), hang=len(truth.events))
    for event in truth.events.values():
        places = truth.placements_of(event.n)
        first = min((place.moment for place in places), default=None)
        if event.outcome == 'pending':
            if now - event.began_at > LONGEST_CALL: raise Finding(f'hang: the call for {event} does not return')
        elif event.outcome == 'sent' and not event.is_buffered and (first is None or first > event.ended):
            raise Finding(f'untrue: the sender of {event} was told that it was sent, and the engine did not have it')
        elif event.outcome == 'sent' and is_quiet and first is None and is_alive(event.worker) and not event.is_refused:
            raise Finding(f'loss: {event} was kept for the engine, and it never came there')
