"""Live pages for FastHTML by Server-Sent Events: every tab in step, in order, or told when something is gone

Say something once on the server, and every open page of your [FastHTML](https://fastht.ml) app shows it: a counter, a list, the progress of a job, in every tab, for every reader, at once. The pages listen by Server-Sent Events, a plain HTTP answer that stays open, and htmx swaps in what arrives; you write Python and no JavaScript. Tabs that were asleep, offline or slow get what they missed, in order, or are told that something is gone.

``` python
from fasthtml.common import *
from cjm_fasthtml_sse import BroadcastManager, create_sse_element, setup_broadcast_routes, sse_headers

app, rt = fast_app(hdrs=sse_headers())
manager = BroadcastManager()
setup_broadcast_routes(app, manager, element_builder=lambda kind, data: P(data["text"]))

@rt
def index():
    form = Form(Input(name="text", placeholder="Say something"), hx_post=say, hx_swap="none")
    return Titled("In step", form, create_sse_element("/sse/broadcast", swap_strategy="beforeend"))

@app.post
async def say(text: str): await manager.broadcast("said", {"text": text})

serve()
```

Every broadcast is handed to every tab that is subscribed, once and in order, or that tab is told that it missed something. Nobody waits for a slow reader. One `broadcast` adds a reference to each reader's mailbox; what waits for a reader leaves in one send.

Modules:

- `cjm_fasthtml_sse.asgi.nudges`: A few bytes more, for a browser that shows the end of what came only once more comes
- `cjm_fasthtml_sse.asgi.response`: How an event stream begins: past the middleware, then around it
- `cjm_fasthtml_sse.asgi.scheduler`: Who is served when: all that was sent in one turn of the loop together, and a heartbeat for those who heard nothing
- `cjm_fasthtml_sse.asgi.server_stream`: What a server holds for one reader, and how that is freed without touching anybody else
- `cjm_fasthtml_sse.asgi.shutdown`: When a server has to go, its streams go first, and at once
- `cjm_fasthtml_sse.asgi.sources`: Whatever has items, read from a task, and closed in the end
- `cjm_fasthtml_sse.asgi.stream`: One open response: who calls the server's `send`, when, and how it ends
- `cjm_fasthtml_sse.asgi.workers`: Whether other processes answer for the same application
- `cjm_fasthtml_sse.backplanes.base`: The one place where an event gets its place in the order that everyone sees
- `cjm_fasthtml_sse.backplanes.conformance`: The contract of the backplane, line by line, as a function that says which line an adapter breaks
- `cjm_fasthtml_sse.backplanes.memory`: The order of one process, for managers that share it
- `cjm_fasthtml_sse.backplanes.publisher`: Broadcasting from a background job, a cron script or another program, without a web server
- `cjm_fasthtml_sse.backplanes.redis`: Many hosts, one order: events in a stream of Redis or Valkey
- `cjm_fasthtml_sse.backplanes.redis_client`: Where an engine is, how it is asked, and what a broken line leaves in doubt
- `cjm_fasthtml_sse.backplanes.sqlite`: All processes of one machine in one order, by a file and without a server
- `cjm_fasthtml_sse.backplanes.sqlite_notify`: How an adapter that shares a file leaves the event loop alone, and hears at once when another process has written
- `cjm_fasthtml_sse.browser.elements`: Make the element, the scripts and the indicator that connect a page to a stream, on htmx 2 and htmx 4.
- `cjm_fasthtml_sse.browser.scripts`: Join the browser's script from its files and serve it under a URL that browsers may cache forever.
- `cjm_fasthtml_sse.cluster.relay`: Between one process and the engine that all of them share: what is lost there is noticed, what is doubtful is made certain
- `cjm_fasthtml_sse.core.access`: Whose a request is, where it comes from, and what it may hear
- `cjm_fasthtml_sse.core.admission`: How a browser's stream comes in to a crowd, and whom it has to make room for
- `cjm_fasthtml_sse.core.broadcast`: One call, and every open tab that may see it has it
- `cjm_fasthtml_sse.core.connections`: Who is there, and what waits for them: one registry, whose numbers are true
- `cjm_fasthtml_sse.core.feeds`: Whatever has items becomes the events of a topic, and its end becomes one too
- `cjm_fasthtml_sse.core.hub`: Everyone who is connected to one manager: how they come in, how they go, how they are kept warm
- `cjm_fasthtml_sse.core.presence`: Who is there, over all tabs and all processes
- `cjm_fasthtml_sse.core.presence_events`: Who has come to a topic and who has left it, told to those who are there
- `cjm_fasthtml_sse.core.revocations`: What was taken from whom, compared by places in the log and never by clocks
- `cjm_fasthtml_sse.core.routes`: What an application serves so that its pages can hear
- `cjm_fasthtml_sse.core.streaming`: One source, one page, every item in order, and always a clean end
- `cjm_fasthtml_sse.core.subscribers`: Two sorts of reader, fed from one log: streams, and queues that are read by hand
- `cjm_fasthtml_sse.core.users`: What an application does with people rather than with connections: send to one, take back what one may hear, send one away
- `cjm_fasthtml_sse.demo.app`: What happens in the demo: the requests that change its state, and what they tell all tabs
- `cjm_fasthtml_sse.events.log`: The newest part of everything that was sent, in one order, so that a reader who was away can go on from where it was
- `cjm_fasthtml_sse.events.mailbox`: What waits for one reader: references while it keeps up, a place in the log once it does not
- `cjm_fasthtml_sse.events.marks`: Which topics a reader asked for and does not receive, in a few characters of its id
- `cjm_fasthtml_sse.events.record`: An event on its way, in its place, and as an application reads it
- `cjm_fasthtml_sse.events.topics`: Who hears what, found by a few look-ups in a dictionary
- `cjm_fasthtml_sse.events.wire`: A frame is bytes, built once, valid by construction
- `cjm_fasthtml_sse.runtime.process`: Which process this is, whether another one lives, and what a fork must not copy"""

__version__ = "0.1.0"

# Every public name of the core modules can be imported from here and is loaded when it is first asked for (PEP 562), so that
# importing the package costs nothing and loads nothing optional. The table is a generated file beside this one: a file read
# by people and tools, which works while modules come and go, and needs no import to be made (`make export` writes it, a test
# compares it with the modules' `__all__`). nbdev writes only the docstring above and the version's line, and keeps the rest.
from importlib import import_module as _import_module

from ._exports import modules as _modules

__all__ = list(_modules)


def __getattr__(name):
    "The public name `name`, from its module."
    if name not in _modules: raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(_import_module(f"{__name__}.{_modules[name]}"), name)
    return value


def __dir__(): return sorted({*globals(), *_modules})
