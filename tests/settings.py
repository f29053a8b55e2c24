"A manager and a policy from flat settings, as tests and their servers hand them on."

from dataclasses import fields

from cjm_fasthtml_sse import AccessPolicy, BroadcastManager, Capacity, Cluster, Delivery, Replay

GROUPS = dict(replay=Replay, delivery=Delivery, capacity=Capacity, cluster=Cluster)
PLACES = {field.name: group for group, kind in GROUPS.items() for field in fields(kind)}
HOOKS = {field.name for field in fields(AccessPolicy)}


def make_manager(*args, **settings):
    "A manager whose settings may name a field of a group: `max_events=10` for `replay=Replay(max_events=10)`."
    given, groups = {}, {}
    for name, value in settings.items():
        value = tuple(value) if isinstance(value, list) else value  # JSON has no tuples
        if name in PLACES: groups.setdefault(PLACES[name], {})[name] = value
        else: given[name] = value
    return BroadcastManager(*args, **given, **{group: GROUPS[group](**values) for group, values in groups.items()})


def make_policy(**settings):
    "The parameters of `setup_broadcast_routes`, with the hooks among `settings` as its policy."
    hooks = {name: value for name, value in settings.items() if name in HOOKS}
    return {name: value for name, value in settings.items() if name not in HOOKS} | dict(policy=AccessPolicy(**hooks))
