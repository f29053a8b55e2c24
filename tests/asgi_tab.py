"A browser's tab over ASGI, without a server: the events of one stream."

import asyncio
import json
import re
from contextlib import suppress

from until import until_async as until


class Tab:
    "One GET of the stream; `text` is everything received so far."
    def __init__(self, app, query="", last_id="", path="/sse/broadcast", **headers):
        self.text, self.status, self.gone, self.asked = "", None, asyncio.Event(), False
        given = {"host": "localhost", **({"last-event-id": last_id} if last_id else {}), **headers}
        raw = [(name.encode(), value.encode()) for name, value in given.items()]
        scope = dict(type="http", asgi={"version": "3.0"}, http_version="1.1", method="GET", scheme="http", path=path,
            raw_path=path.encode(), query_string=query.encode(), root_path="", headers=raw, client=("127.0.0.1", 1),
            server=("localhost", 80), state={})
        self.task = asyncio.get_running_loop().create_task(app(scope, self.receive, self.send))

    async def receive(self):
        if self.asked: await self.gone.wait()
        self.asked = True
        return dict(type="http.disconnect" if self.gone.is_set() else "http.request", body=b"", more_body=False)

    async def send(self, message):
        if message["type"] == "http.response.start": self.status = message["status"]
        self.text += message.get("body", b"").decode()

    async def __aenter__(self):
        await until(lambda: self.status is not None and (self.status != 200 or "id: " in self.text))
        return self

    async def __aexit__(self, *_):
        self.gone.set()
        with suppress(asyncio.CancelledError): await self.task

    async def hears(self, text):
        "Wait for `text`."
        await until(lambda: text in self.text, lambda: f"{text!r} in {self.text!r}")

    @property
    def events(self):
        "Return name, id and data of each event so far."
        found = []
        for block in self.text.split("\n\n"):
            fields = dict(re.findall("^([a-z]+): ?(.*)$", block, re.M))
            if "data" in fields: found.append((fields.get("event"), fields.get("id"), fields["data"]))
        return found

    @property
    def resets(self):
        "Return the data of each `sse-reset`."
        return [json.loads(data) for name, _, data in self.events if name == "sse-reset"]

    @property
    def last_id(self): return re.findall("^id: (.*)$", self.text, re.M)[-1]
