"The progress of a job is sent without the closing event, so the page reconnects and the job runs again"
from fasthtml.common import EventStream, Progress, fast_app

from cjm_fasthtml_sse import SSEStream, StreamConfig, create_sse_element, sse_headers


def make(is_mended):
    app, rt = fast_app(hdrs=sse_headers())
    config = StreamConfig() if is_mended else StreamConfig(close_event=None)

    @rt('/')
    def index(): return create_sse_element('/job', 'job', 'innerHTML')

    @rt('/job')
    def job():
        bars = (Progress(value=done, max=3) for done in range(1, 4))
        return EventStream(SSEStream(config).stream(bars))

    return app
