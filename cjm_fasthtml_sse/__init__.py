"""Live pages for FastHTML with Server-Sent Events: every open tab gets each event, in order

This package shows a change on the server in every open page of a [FastHTML](https://fastht.ml) application: a counter, a list, the progress of a job. It is for Python developers who want live pages without writing JavaScript, since pages receive Server-Sent Events and htmx swaps them in. A tab that was asleep, offline or slow gets the events that it missed, in order, or one event that reports the gap.

``` python
from fasthtml.common import *
from fastlite import database
from cjm_fasthtml_sse import Live

class Dish: name: str; votes: int

app, rt = fast_app()
db = database("lunch.db")
dishes, live = db.create(Dish, pk="name"), Live(app, db)
dishes.insert_all([dict(name=name, votes=0) for name in ("Pizza", "Salad", "Soup")], ignore=True)

@live.rows(dishes, order_by="name")
def dish(row): return Button(row.name, " ", row.votes, hx_post=vote.to(name=row.name), hx_swap="none")

@app.post
async def vote(name: str): db.execute("UPDATE dish SET votes = votes + 1 WHERE name = ?", [name])

@rt
async def index(): return Titled("What is for lunch?", Div(dish(), cls="grid"))

serve()
```

Each subscribed tab gets every broadcast once and in order. If events are no longer available for a tab, it gets one `sse-reset` event instead. No broadcast waits for a slow subscriber. It adds a reference to each mailbox. All events that wait in a mailbox are sent together.

Modules:

- `cjm_fasthtml_sse.asgi.nudges`: Sends a few extra bytes to browsers that hold back the end of a chunk
- `cjm_fasthtml_sse.asgi.response`: Starts an event stream: the first frame passes the middleware, the others bypass it
- `cjm_fasthtml_sse.asgi.scheduler`: Writes waiting streams once a turn of the loop, and sends heartbeats to idle ones
- `cjm_fasthtml_sse.asgi.server_stream`: The server's object for one response: its buffered bytes, and a way to drop it alone
- `cjm_fasthtml_sse.asgi.shutdown`: Ends all open streams as soon as the server is asked to stop
- `cjm_fasthtml_sse.asgi.sources`: Reads any source as an async iterator, and closes it at the end
- `cjm_fasthtml_sse.asgi.stream`: Writes one open response through the server's `send`, and ends it
- `cjm_fasthtml_sse.asgi.uvicorn`: uvicorn's protocols for HTTP/1.1, with one change: an open stream leaves its request
- `cjm_fasthtml_sse.asgi.workers`: Detects whether several worker processes serve one application
- `cjm_fasthtml_sse.backplanes.base`: The interface to the store that orders the events of several processes
- `cjm_fasthtml_sse.backplanes.conformance`: A function that checks each rule of the backplane's contract, and names the rule that an adapter breaks
- `cjm_fasthtml_sse.backplanes.conformance_life`: Checks of opening, ages, retained entries, epochs, node info, closing and errors
- `cjm_fasthtml_sse.backplanes.memory`: A backplane in the memory of one process, for managers that share it
- `cjm_fasthtml_sse.backplanes.publisher`: Publishes events from a background job, a cron script or another program, without a web server
- `cjm_fasthtml_sse.backplanes.redis`: A backplane in streams of a Redis or Valkey server, for many hosts
- `cjm_fasthtml_sse.backplanes.redis_client`: Finds a Redis or Valkey server by URL, sends commands, and reports whether a failed one may have taken effect
- `cjm_fasthtml_sse.backplanes.redis_scripts`: The keys of a backplane on a Redis or Valkey server, and the Lua scripts that change them
- `cjm_fasthtml_sse.backplanes.sqlite`: A backplane in a SQLite file, for all processes of one machine and without a server
- `cjm_fasthtml_sse.backplanes.sqlite_file`: The tables of a backplane in a SQLite file, its epoch, and the checks of the file
- `cjm_fasthtml_sse.backplanes.sqlite_library`: The two Python libraries for SQLite, behind one small interface
- `cjm_fasthtml_sse.backplanes.sqlite_notify`: Runs blocking calls in a thread, and wakes other processes after a write to a shared file
- `cjm_fasthtml_sse.backplanes.sqlite_session`: Writes, trims and reads the tables of one open SQLite file
- `cjm_fasthtml_sse.browser.elements`: Make the element, the scripts and the indicator that connect a page to a stream, on htmx 2 and htmx 4.
- `cjm_fasthtml_sse.browser.scripts`: Join the browser's script from its files and serve it under a URL that browsers may cache forever.
- `cjm_fasthtml_sse.cluster.home_loop`: The one event loop of a manager, and the way to it from other threads
- `cjm_fasthtml_sse.cluster.link`: One engine as a node sees it: the adapter, its lock, and whether it can be reached
- `cjm_fasthtml_sse.cluster.loading`: Fill a log from an engine, and find out whether the engine still has what was read
- `cjm_fasthtml_sse.cluster.local`: A manager without an engine: one process that orders its own events
- `cjm_fasthtml_sse.cluster.outgoing`: Events and messages on their way to the engine, in the order of their numbers
- `cjm_fasthtml_sse.cluster.peers`: The other nodes: which are alive, what they report, and how they are asked
- `cjm_fasthtml_sse.cluster.reader`: Read events and messages in their order, and recover what a lost engine makes unsure
- `cjm_fasthtml_sse.cluster.relay`: Several processes as one: publish through an engine, read back in its order, and recover when it fails
- `cjm_fasthtml_sse.cluster.sender`: Publish what waits, in batches, and answer the callers
- `cjm_fasthtml_sse.core.access`: Decides which user a request belongs to, which site it comes from, and which topics it may subscribe to.
- `cjm_fasthtml_sse.core.admission`: How connections enter a hub: streams of browsers, and queues of the application
- `cjm_fasthtml_sse.core.broadcast`: Broadcast events to every open tab
- `cjm_fasthtml_sse.core.callers`: Find the tab whose request causes an event, so that it can be left out
- `cjm_fasthtml_sse.core.calls`: Connections, users and processes, as an application calls them
- `cjm_fasthtml_sse.core.connections`: Keeps the connections of a process in one registry, with their ids, queues and states.
- `cjm_fasthtml_sse.core.dispatch`: Give each event its place in the log, the history and the hub, in this order
- `cjm_fasthtml_sse.core.hints`: Say in the log why an event reached nobody
- `cjm_fasthtml_sse.core.hub`: All connections of one manager: how they enter, leave, and are sent events
- `cjm_fasthtml_sse.core.manager`: One object for an application: broadcast, connections, users and statistics
- `cjm_fasthtml_sse.core.presence`: Which users are in a topic, across tabs and processes
- `cjm_fasthtml_sse.core.presence_events`: Announce joins and leaves of a topic's users to the topic
- `cjm_fasthtml_sse.core.presence_rooms`: Joins, leaves and counts to announce for one topic
- `cjm_fasthtml_sse.core.publishing`: The calls of a manager that send events: to all subscribers, to a topic, to one connection
- `cjm_fasthtml_sse.core.pushes`: One frame that is in no log is written to many streams together
- `cjm_fasthtml_sse.core.rates`: Send at most one event of a key in a period, and always the last one
- `cjm_fasthtml_sse.core.revocations`: Remembers which topics were revoked from which user, by position in the log instead of by time.
- `cjm_fasthtml_sse.core.rounds`: One event is written to all its readers together, from bytes that are made once
- `cjm_fasthtml_sse.core.routes`: Read a request, decide about it, and answer with a stream or a refusal
- `cjm_fasthtml_sse.core.streaming`: Streams the items of one source to one page, in order, and closes the source at the end.
- `cjm_fasthtml_sse.core.subscribers`: Two kinds of subscriber, fed from one log: streams, and queues that the application reads
- `cjm_fasthtml_sse.core.users`: Revoke topics from a user, disconnect users, and keep an id with one user in all processes
- `cjm_fasthtml_sse.demo.app`: The demo as an application: live regions, the handlers that touch them, and a broadcast by hand
- `cjm_fasthtml_sse.events.log`: The newest events in one order, for readers that reconnect or fall behind
- `cjm_fasthtml_sse.events.mailbox`: The queue of one reader: references to events while it keeps up, a cursor into the log when it falls behind
- `cjm_fasthtml_sse.events.marks`: Short marks in an id for topics that the client requested and does not receive
- `cjm_fasthtml_sse.events.positions`: Indexes by topic of the events that a log has, retains and has trimmed
- `cjm_fasthtml_sse.events.record`: Three forms of an event: before it has a position, in the log, and as an application reads it
- `cjm_fasthtml_sse.events.renderer`: Renders each event once for all subscribers of a route
- `cjm_fasthtml_sse.events.topics`: Find the subscribers of an event by a few dictionary look-ups
- `cjm_fasthtml_sse.events.wire`: Encode Server-Sent Events as bytes, and check the data that they carry
- `cjm_fasthtml_sse.live.host`: The routes of an application's regions, who may read a view, and what a touch does
- `cjm_fasthtml_sse.live.live`: One function a view: pages show it, and it is rendered again for all of them when what it depends on was touched
- `cjm_fasthtml_sse.live.markup`: What a region returned, as HTML that can be compared: whole, or child by child
- `cjm_fasthtml_sse.live.regions`: A function whose result stays live: its arguments, its user, and the names that it depends on
- `cjm_fasthtml_sse.live.renderings`: Render a view once for all who look at it, when something that it depends on was touched
- `cjm_fasthtml_sse.live.requests`: The touches of a request, and the place that its response names
- `cjm_fasthtml_sse.live.rooms`: Who shows a region: rendered again when somebody enters or leaves
- `cjm_fasthtml_sse.live.rows`: The rows of a query, each rendered by a function of one row
- `cjm_fasthtml_sse.live.tables`: A region that depends on a table is rendered again after each commit that changed it, whoever wrote
- `cjm_fasthtml_sse.live.touches`: The event that says that something has changed, and its frame for a page
- `cjm_fasthtml_sse.live.viewers`: How many views one client may have rendered
- `cjm_fasthtml_sse.live.views`: A region with its arguments, as a topic that only the server can make
- `cjm_fasthtml_sse.live.worker`: Call the plain functions of all regions in one thread, with a limit for each call
- `cjm_fasthtml_sse.runtime.process`: Identify a process, check whether another one is alive, and reset state after a fork
- `cjm_fasthtml_sse.runtime.time`: Clocks, random delays and random names, in one object that a test can replace
- `cjm_fasthtml_sse.tables.connections`: What is rendered has a connection of its own, one for each thread
- `cjm_fasthtml_sse.tables.databases`: Where an application's own database is, and which library opens it
- `cjm_fasthtml_sse.tables.follower`: Follows the tables of an application's database: whoever writes, a touch is published after the commit
- `cjm_fasthtml_sse.tables.triggers`: SQL triggers mark a table as changed, in the transaction of the row
- `cjm_fasthtml_sse.tables.watch`: Notices that any program has written to a database file
- `cjm_fasthtml_sse.testing.acts`: What a click, a submit and other events in a page set in motion, as htmx and a browser do it
- `cjm_fasthtml_sse.testing.answers`: Do with a response what htmx does: swap it, trigger events, navigate.
- `cjm_fasthtml_sse.testing.attributes`: Read the attributes of an element as htmx 2 or htmx 4 does: spelling, inheritance and selectors.
- `cjm_fasthtml_sse.testing.browser`: Requests with cookies to the workers, and the line between a browser and the server
- `cjm_fasthtml_sse.testing.checks`: Assertions about a world: what was broadcast, whether tabs agree, and who may have seen what
- `cjm_fasthtml_sse.testing.engine`: An engine for several workers whose failures are calls
- `cjm_fasthtml_sse.testing.fields`: Fill in a form as a person does, and collect its values as a browser does.
- `cjm_fasthtml_sse.testing.htmx`: Return the request that htmx sends when an element is triggered.
- `cjm_fasthtml_sse.testing.loop`: An event loop on which time passes only when a test says so
- `cjm_fasthtml_sse.testing.merge`: Turn an element of a page into another rendering of it, and keep what was typed
- `cjm_fasthtml_sse.testing.messages`: Bring an event of a stream into a page, as htmx and the script of this package do.
- `cjm_fasthtml_sse.testing.page`: The document of a tab, the elements that receive events, their states, and refreshes
- `cjm_fasthtml_sse.testing.pages`: Read HTML as a browser does, find elements, and compare two trees.
- `cjm_fasthtml_sse.testing.payload`: Collect the names and values that htmx sends with a request.
- `cjm_fasthtml_sse.testing.plugin`: The fixture `live`, for tests that run an application
- `cjm_fasthtml_sse.testing.problems`: Mistakes of an application that no page shows, collected so that a test fails by them
- `cjm_fasthtml_sse.testing.regions`: Regions of a page: their touches, their renderings, and the present state that they fetch
- `cjm_fasthtml_sse.testing.server`: Time that passes by a call, and workers that start, stop and die by a call
- `cjm_fasthtml_sse.testing.serving`: Workers that serve copies of an application in memory, without a server
- `cjm_fasthtml_sse.testing.sharing`: What each element of a tab receives, and how the tabs of one browser share a connection
- `cjm_fasthtml_sse.testing.stream`: Reads a stream as the package's script does: ids, attempts, delays and silence, in virtual time
- `cjm_fasthtml_sse.testing.swap`: Change a page as htmx does when a response or an event arrives.
- `cjm_fasthtml_sse.testing.tab`: What a person does in a tab, and what happens to it, as plain calls
- `cjm_fasthtml_sse.testing.triggers`: Return what makes an element of htmx act, and where a plain link or form leads.
- `cjm_fasthtml_sse.testing.world`: An application with its workers, engine, clock and tabs, in memory and in a test's hands"""

__version__ = "0.1.0"

# Every public name of the core modules can be imported from here and is loaded when it is first asked for (PEP 562), so that
# importing the package costs nothing and loads nothing optional. The table is a generated file beside this one: a file read
# by people and tools, which works while modules come and go, and needs no import to be made (`make export` writes it, a test
# compares it with the modules' `__all__`). nbdev writes only the docstring above and the version's line, and keeps the rest.
from importlib import import_module as _import_module

from ._exports import modules as _modules

__all__ = list(_modules)


def _loader(package, modules, names):
    "Make the `__getattr__` of `package`: it loads a public name from its module, and keeps it in `names`."
    def __getattr__(name):
        if name not in modules: raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = names[name] = getattr(_import_module(f"{package}.{modules[name]}"), name)
        comments = _import_module(f"{__name__}._comments").comments
        for method, text in comments.get(name, {}).items(): _add_comments(value, method, text)
        return value
    return __getattr__


__getattr__ = _loader(__name__, _modules, globals())


def _add_comments(value, method, text):
    "Add to a docstring what the source has as comments of parameters, so that `help` shows it."
    cleandoc = _import_module("inspect").cleandoc
    part = value if not method else value.__dict__.get(method) or getattr(value, method, None)
    part = getattr(part, "__func__", part)  # the function of a class method
    if part is None: return
    doc = (part.__doc__ or "").rstrip()
    if not doc.endswith(text): part.__doc__ = f"{cleandoc(doc)}\n\n{text}".lstrip()


def __dir__(): return sorted({*globals(), *_modules})
