"An engine is bounded in bytes for all its writers; a tab that missed trimmed events gets a reset"
import asyncio
import contextlib

import pytest
from cjm_fasthtml_sse.backplanes.sqlite import SqliteBackplane
from cjm_fasthtml_sse.backplanes.base import Publication, Gap, Limits, backplane_from_url
from cjm_fasthtml_sse.backplanes.publisher import Publisher

from .pages import application, soon
from .sqlite_tools import files

MOST = 300_000  # limit in bytes, of events and of retained entries
BOUND = 2 * MOST + 2**20


async def kept(url):
    "Return the positions of events, and the bytes of events and of retained entries"
    engine, found = backplane_from_url(url), []
    opened = await engine.open(Limits())
    after = opened.first
    while after < opened.last:
        try: found += await engine.read({'events': after})
        except Gap as e: found, after = [], e.first  # another adapter has trimmed more meanwhile
        else: after = found[-1].position
    retained = await engine.retained()
    await engine.close()
    return [e.position for e in found], sum(len(e.body) for e in found), sum(len(e.body) for e in retained)


def place_of(id): return int(id.rpartition('-')[2])


def test_an_engine_keeps_no_more_bytes_than_it_was_told(backplane_url):
    async def go():
        async with application(backplane_url, max_bytes=MOST, max_retained_bytes=MOST) as app:
            ids = [await app.send(n, key=f'k{n}', retain=True, data={'text': 'x' * 30_000}) for n in range(80)]
        places, events, retained = await kept(backplane_url)
        assert MOST - 31_000 <= events <= BOUND and 0 < retained <= BOUND
        assert [place_of(id) for id in ids][-len(places):] == places
        async with application(backplane_url, max_bytes=MOST, max_retained_bytes=MOST) as app:
            late, up_to_date = app.page(ids[10]), app.page(ids[-3])
            await app.send(80)
            await soon(lambda: all(page.received[-1:] == [80] for page in (late, up_to_date)))
            assert late.resets == 1 and up_to_date.resets == 0 and up_to_date.received == [78, 79, 80]
    asyncio.run(go())


def test_one_event_that_exceeds_the_limit_is_delivered_and_kept(backplane_url):
    async def go():
        options = dict(max_bytes=20_000, max_retained_bytes=20_000)
        async with application(backplane_url, **options) as app, application(backplane_url, **options) as other:
            page = other.page()
            await soon(lambda: other.get_connection_count() == 1)
            before = await app.send(1)
            await app.send(2, data={'text': 'x' * 100_000}, key='k', retain=True)
            await soon(lambda: page.received == [1, 2])
            assert page.resets == 0
        places, events, retained = await kept(backplane_url)
        assert places[-1] > place_of(before) and min(events, retained) > 100_000
    asyncio.run(go())


def test_a_publisher_does_not_change_the_limits_of_a_manager(backplane_url):
    async def go():
        async with application(backplane_url, max_bytes=MOST, max_retained_bytes=MOST, report_interval=0.05):
            async with Publisher(backplane_url) as publisher:
                for n in range(80):
                    await publisher.publish_async('note', {'n': n, 'text': 'x' * 30_000}, key=f'k{n}', retain=True)
            async def bounded():
                _, events, retained = await kept(backplane_url)
                return events <= BOUND and retained <= BOUND
            async with asyncio.timeout(30):
                while not await bounded(): await asyncio.sleep(0.05)  # noqa: ASYNC110 - the engine has no event to wait for
    asyncio.run(go())


@pytest.mark.parametrize('lost', ['sizes', 'events-sizes', 'control-sizes', 'retained', 'events'])
def test_redis_stays_within_its_bytes_after_one_key_is_lost(valkey, lost):
    engine = valkey(appendonly='no')
    async def go():
        backplane, limits = backplane_from_url(engine.url), Limits(event_bytes=MOST, retained_bytes=MOST)
        for _ in range(2):
            await backplane.open(limits)
            for n in range(80): await backplane.publish([Publication(bytes(30_000), key=f'k{n}', retain=True)])
            _, events, retained = await kept(engine.url)
            assert MOST - 30_000 < events < BOUND and MOST - 30_000 < retained <= MOST
            with engine.client as client: assert client.delete(f'sse:{{sse}}:{lost}') or lost == 'control-sizes'
        await backplane.close()
    asyncio.run(go())


def test_many_writers_to_one_file_stay_within_its_bytes(tmp_path):
    async def go():
        path, limits = tmp_path/'events.db', Limits(event_bytes=1_000_000)
        async with contextlib.AsyncExitStack() as stack:
            engines = [SqliteBackplane(path) for _ in range(8)]
            for engine in engines:
                await engine.open(limits)
                stack.push_async_callback(engine.close)
            for n in range(160): await engines[n * 5 % 8].publish([Publication(bytes(40_000))] * (1 + n % 2))
            first = (await engines[0].open(limits)).first
            assert 25 <= 240 - first <= 60
        assert sum(file.stat().st_size for file in files(path)) < 4_000_000  # of 9.6 MB
    asyncio.run(go())
