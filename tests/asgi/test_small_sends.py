"What one send cannot hold follows in the next, without a further event"
import pytest

LAST = b'the last'


@pytest.mark.parametrize('limit', [1, 100, 4000])
@pytest.mark.parametrize('http', ['httptools', 'h11'])
def test_events_of_one_step_follow_at_once(serve, stream, http, limit):
    server = serve(f'--http={http}', manager=dict(max_send_bytes=limit, heartbeat_interval=0))
    reader = stream(server)
    reader.read(b'id: ')
    server.get('/in_one_step?n=9&size=900')
    reader.read(LAST)


def test_an_event_after_many_that_cannot_be_rendered_follows_at_once(serve, stream):
    server = serve(html=True, manager=dict(max_queue_size=1000, heartbeat_interval=0))
    reader = stream(server)
    reader.read(b'id: ')
    server.get('/in_one_step?n=900&type=raises')
    assert b'sse-reset' in reader.read(LAST)
