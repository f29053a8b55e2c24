"The adapter for Redis and Valkey on real servers: doubtful errors, lost keys, and forms of the URL"
import asyncio
import contextlib
import shutil
import subprocess

import pytest
from cjm_fasthtml_sse.backplanes.redis import RedisBackplane, from_url
from cjm_fasthtml_sse.backplanes.base import Publication, Gap, Limits
from cjm_fasthtml_sse.backplanes.conformance import check_backplane
from cjm_fasthtml_sse.events.wire import BackplaneError
from ports import free_port

from .machines import SERVER, until

EVENTS = 'sse:{sse}:events'


def run(coroutine): return asyncio.run(coroutine)


async def opened(url, **limits):
    backplane = from_url(url)
    return backplane, await backplane.open(Limits(**limits))


async def works(url):
    "Check that two adapters for `url` read each other's entries"
    (one, before), (two, _) = await opened(url), await opened(url)
    reading = asyncio.ensure_future(two.read({'events': before.last, 'control': before.last_control}, wait=30))
    places = await one.publish([Publication(b'x' * 100_000, key='k', retain=True), Publication(b'c', 'control')])
    assert [entry.position for entry in await reading] == places
    assert [entry.position for entry in await two.retained()] == places[:1]
    assert await two.new_epoch(before.epoch) != before.epoch
    for backplane in (one, two): await backplane.close()


async def bodies(backplane): return [entry.body for entry in await backplane.read({'events': 0})]


def test_a_lost_answer_is_doubtful_and_is_not_retried(valkey, proxy):
    engine = valkey()
    line = proxy(engine.port)
    async def go():
        backplane, _ = await opened(f'redis://127.0.0.1:{line.port}')
        line.swallow = b'EVALSHA'
        await backplane.publish([Publication(b'first')])
    async def again():
        backplane, _ = await opened(f'redis://127.0.0.1:{line.port}?retry_on_timeout=true')
        await backplane.publish([Publication(b'one')])
        line.swallow = b'EVALSHA'
        with pytest.raises(BackplaneError) as raised: await backplane.publish([Publication(b'two')])
        assert raised.value.doubtful and await bodies(backplane) == [b'one', b'two']
        assert len(await backplane.publish([Publication(b'three')])) == 1, 'the adapter continues on a new connection'
        assert await bodies(backplane) == [b'one', b'two', b'three']
        await backplane.close()
    with pytest.raises(BackplaneError): run(go())
    with engine.client as client: client.flushall()
    run(again())


def test_an_event_that_was_never_sent_is_not_doubtful(valkey, proxy):
    engine = valkey()
    async def go():
        backplane, _ = await opened(engine.url)
        engine.kill()
        with pytest.raises(BackplaneError): await backplane.publish([Publication(b'x')])
        with pytest.raises(BackplaneError) as raised: await backplane.publish([Publication(b'x')])
        assert not raised.value.doubtful and 'Connect' in str(raised.value)
        with pytest.raises(BackplaneError): await backplane.read({'events': 0}, wait=10)
        with pytest.raises(BackplaneError): await backplane.open(Limits())
        engine.start()
        assert (await backplane.open(Limits())).last == 0
        await backplane.close()
    run(go())


def test_a_silent_connection_times_out(valkey, proxy):
    engine = valkey()
    line = proxy(engine.port)
    async def go():
        clock = asyncio.get_running_loop().time
        backplane, _ = await opened(f'redis://127.0.0.1:{line.port}?timeout=0.5')
        line.hold()
        start = clock()
        reading = asyncio.ensure_future(backplane.read({'events': 0}, wait=60))
        with pytest.raises(BackplaneError) as raised: await backplane.publish([Publication(b'x')])
        assert raised.value.doubtful and 'no answer in time' in str(raised.value)
        with pytest.raises(BackplaneError): await reading
        with pytest.raises(BackplaneError): await backplane.open(Limits())
        assert clock() - start < 30
        line.release()
        await backplane.open(Limits())
        await backplane.close()
    run(go())


@pytest.mark.parametrize('how', ['delete', 'flush', 'destroy'])
def test_lost_events_end_the_epoch_immediately(valkey, how):
    engine = valkey(appendonly='no')
    async def go():
        (backplane, before), (reader, _) = await opened(engine.url), await opened(engine.url)
        last, = await backplane.publish([Publication(b'one', key='k', retain=True)])
        reading = asyncio.ensure_future(reader.read({'events': last}, wait=60))
        with engine.client as client:
            if how == 'delete': client.delete(EVENTS)
            elif how == 'flush': client.flushall()
            else: client.xgroup_destroy(EVENTS, f'epoch-{before.epoch}')
        with pytest.raises(BackplaneError, match='lost its events') as raised:
            await backplane.publish([Publication(b'two')])
        assert not raised.value.doubtful
        after = await backplane.open(Limits())
        assert after.epoch != before.epoch and await backplane.retained() == []
        await backplane.publish([Publication(b'of the new life')])
        with pytest.raises(BackplaneError, match='begun a new epoch'): await reading
        for one in (backplane, reader): await one.close()
    run(go())


@pytest.mark.parametrize('lost', ['retained', 'order', 'control', 'sizes', 'nodes'])
def test_one_key_that_is_lost(valkey, lost):
    engine = valkey(appendonly='no')
    async def go():
        backplane, before = await opened(engine.url)
        await backplane.publish([Publication(b'one', key='k', retain=True), Publication(b'call', 'control')])
        with engine.client as client: assert client.delete(f'sse:{{sse}}:{lost}') == (lost != 'nodes')
        after = await backplane.open(Limits(retained=2))
        assert after.epoch == before.epoch and await bodies(backplane) == [b'one']
        assert len(await backplane.retained()) == (lost in ('control', 'sizes', 'nodes')), 'a part is dropped'
        await backplane.publish([Publication(b'%d' % i, key=f'{i}', retain=True) for i in range(5)])
        assert [entry.body for entry in await backplane.retained()] == [b'3', b'4']
        await backplane.close()
    run(go())


def test_a_clock_of_the_engine_that_stands_still(valkey):
    "As after it was set back: the server goes on counting within the newest millisecond"
    engine = valkey(appendonly='no')
    async def go():
        backplane, _ = await opened(engine.url)
        with engine.client as client:
            seconds, _ = client.time()
            client.xadd(EVENTS, {'b': b'ahead'}, id=f'{(seconds + 3600) * 1000}-0')
        places = [place for _ in range(20) for place in await backplane.publish([Publication(b'x')] * 50)]
        found = []
        while new := await backplane.read({'events': found[-1] if found else 0}): found += [e.position for e in new]
        assert found[1:] == places == sorted(set(places))
        for at in (0, 1, 500): assert (await backplane.read({'events': places[at]}, 1))[0].position == places[at + 1]
        await backplane.close()
    run(go())


def test_entries_of_other_programs_are_returned_unchanged(valkey):
    engine = valkey(appendonly='no')
    async def go():
        backplane, _ = await opened(engine.url)
        with engine.client as client:
            client.xadd(EVENTS, {'other': b'1'})
            client.xadd(EVENTS, {'a': b'b', 'b': b'body'})
            client.script_flush()
        await backplane.publish([Publication(b'ours')])
        assert await bodies(backplane) == [b'', b'body', b'ours']
        with engine.client as client:
            client.delete(EVENTS)
            client.set(EVENTS, 'no stream')
        with pytest.raises(BackplaneError, match='WRONGTYPE'): await backplane.open(Limits())
    run(go())


def test_holes_between_ids_are_no_gap(valkey):
    engine = valkey(appendonly='no')
    async def go():
        backplane, _ = await opened(engine.url)
        places = []
        for i in range(4):
            places += await backplane.publish([Publication(b'%d' % i)])
            await asyncio.sleep(0.01)  # so that the ids, which are milliseconds, have holes
        assert places[2] - places[1] > 1
        with engine.client as client: assert client.xtrim(EVENTS, maxlen=2, approximate=False) == 2
        assert (await backplane.open(Limits())).first == places[1]
        assert [e.position for e in await backplane.read({'events': places[1]})] == places[2:]
        with pytest.raises(Gap) as raised: await backplane.read({'events': places[0]})
        assert raised.value.first == places[1]
        with engine.client as client: client.xadd(EVENTS, {'of': 'somebody else'})
        places += await backplane.publish([Publication(b'4')])
        with engine.client as client: client.xtrim(EVENTS, maxlen=2, approximate=False)
        assert [e.body for e in await backplane.read({'events': places[3]})] == [b'', b'4']
        with pytest.raises(Gap): await backplane.read({'events': places[2]})
        with engine.client as client: client.xtrim(EVENTS, maxlen=0, approximate=False)
        assert await backplane.read({'events': places[4]}) == []
        with pytest.raises(Gap) as raised: await backplane.read({'events': places[3], 'control': 0}, wait=0.2)
        assert raised.value.first == places[4] == (await backplane.open(Limits())).first
        await backplane.close()
    run(go())


def test_a_slow_connection_carries_large_events_a_few_at_a_time(valkey, proxy, n=30):
    engine = valkey(appendonly='no')
    line = proxy(engine.port)
    async def go():
        sender, _ = await opened(engine.url)
        for _ in range(n): await sender.publish([Publication(bytes(200_000))])
        line.rate = 2_000_000
        backplane, found = from_url(f'redis://127.0.0.1:{line.port}?timeout=1'), []
        async with asyncio.timeout(120):
            while len(found) < n:
                with contextlib.suppress(BackplaneError):
                    await backplane.open(Limits())
                    while len(found) < n:
                        found += [e.position for e in await backplane.read({'events': found[-1] if found else 0})]
        assert len(set(found)) == n
        for one in (backplane, sender): await one.close()
    run(go())


def test_one_answer_is_bounded_by_bytes(valkey):
    engine = valkey(appendonly='no')
    async def go():
        backplane, _ = await opened(engine.url, event_bytes=2**30)
        for _ in range(40): await backplane.publish([Publication(bytes(1_000_000))])
        after, sizes = 0, []
        while found := await backplane.read({'events': after}):
            after, sizes = found[-1].position, [*sizes, len(found)]
        assert sum(sizes) == 40 and sizes[0] <= 16 and max(sizes[2:]) <= 4, sizes
        await backplane.publish([Publication(b'x')] * 2000)
        sizes = []
        while found := await backplane.read({'events': after}):
            after, sizes = found[-1].position, [*sizes, len(found)]
        assert sum(sizes) == 2000 and sizes[-2] == 500, 'small ones are read in large steps again'
        await backplane.close()
    run(go())


def test_a_refusal_midway_is_doubtful(valkey):
    engine = valkey(appendonly='no')
    async def go():
        backplane, _ = await opened(engine.url)
        with engine.client as client: client.set('sse:{sse}:control', 'no stream')
        with pytest.raises(BackplaneError, match='WRONGTYPE') as raised:
            await backplane.publish([Publication(b'event'), Publication(b'call', 'control')])
        assert raised.value.doubtful and await bodies(backplane) == [b'event']
        with pytest.raises(BackplaneError, match='WRONGTYPE') as raised:
            await backplane.publish([Publication(b'call', 'control'), Publication(b'event')])
        assert not raised.value.doubtful and await bodies(backplane) == [b'event']
        with engine.client as client: client.set('sse:{sse}:retained', 'no hash')
        with pytest.raises(BackplaneError, match='WRONGTYPE') as raised:
            await backplane.publish([Publication(b'again')])
        assert not raised.value.doubtful
        await backplane.close()
    run(go())


SECRETS = ['redis://:s3/cret@h/0', 'redis://app:s3#cret@h', 'redis://app:s3?cret=1@h', 'redis://app:12?s3=cret@h',
    'redis://app:s3cret@h:port/0', 'redis://app:s3cret@h:99999', 'redis://:s3cret@h/0?ssl_nope=1', 'redis://[:s3cret@h',
    'redis+sentinel://:s3cret@a:x/main', 'redis://app:s3cret@h/orders', 'redis://app:s3cret@h?timeout=soon']


@pytest.mark.parametrize('url', SECRETS)
def test_the_error_for_an_invalid_url_shows_no_password(url):
    with pytest.raises(ValueError) as raised: from_url(url)
    assert 's3' not in str(raised.value) and 'cret' not in str(raised.value)


def test_two_connections_a_process(valkey):
    engine = valkey(appendonly='no')
    async def go():
        backplane, _ = await opened(engine.url)
        for _ in range(3): await backplane.open(Limits())
        reading = asyncio.ensure_future(backplane.read({'events': 0, 'control': 0}, wait=30))
        with engine.client as client:
            waits = lambda: any(each['cmd'] == 'xread' for each in client.client_list())  # noqa: E731
            await asyncio.to_thread(until, waits, 'the reader to wait')
            assert len(client.client_list()) == 3, 'two, and this one'
        await backplane.close()
        with pytest.raises(BackplaneError): await reading
        with engine.client as client: until(lambda: len(client.client_list()) == 1, 'its connections to be gone')
    run(go())


RIGHTS = '''+eval +evalsha +xadd +xread +xtrim +xpending +xgroup +xinfo +exists +del +time +hset +hget +hlen +hdel
+hgetall +zadd +zcard +zrem +zrevrange +zpopmin +ping +select +client|setname +client|setinfo ~sse:*'''.split()


def test_a_user_with_no_more_rights_than_needed(valkey):
    engine = valkey(appendonly='no')
    with engine.client as client:
        client.execute_command('ACL', 'SETUSER', 'app', 'on', '>s3cret@', *RIGHTS)
        client.execute_command('CONFIG', 'SET', 'requirepass', 'other')
    at = f'127.0.0.1:{engine.port}'
    secret = dict(secret='s3cret@', unreachable=lambda: from_url(f'redis://app:s3cret%40@127.0.0.1:{free_port()}'))
    run(check_backplane(lambda store: from_url(f'redis://app:s3cret%40@{at}/2?name={store}'), **secret))
    async def small():
        backplane, _ = await opened(f'redis://app:s3cret%40@{at}?max_bytes=1000')
        with pytest.raises(BackplaneError, match='limit of 1,000'): await backplane.publish([Publication(bytes(1001))])
        await backplane.close()
    run(small())
    async def refused(url, why):
        with pytest.raises(BackplaneError, match=why) as raised: await opened(url)
        assert not raised.value.doubtful and 'wr0ng' not in repr(raised.value)
    run(refused(f'redis://app:wr0ng@{at}', 'WRONGPASS|Authentication'))
    run(refused(f'redis://{at}', 'NOAUTH|Authentication'))


def test_an_engine_that_repeats_the_password_in_its_error(valkey):
    engine = valkey(appendonly='no', rename_command='AUTH ""')
    async def go():
        with pytest.raises(BackplaneError) as raised: await opened(f'redis://:s3cret@127.0.0.1:{engine.port}')
        assert 's3cret' not in f'{raised.value!r} {raised.value.__cause__!r}' and '***' in str(raised.value)
    run(go())


def test_a_socket_of_this_host(valkey, tmp_path_factory):
    path = tmp_path_factory.mktemp('s')/'v.sock'
    valkey(appendonly='no', unixsocket=path)
    run(works(f'redis+unix://{path}?db=1'))


def test_over_tls(valkey, tmp_path):
    if not shutil.which('openssl'): pytest.skip('openssl is not installed: TLS is left out')
    key, certificate = tmp_path/'key.pem', tmp_path/'cert.pem'
    names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost']
    kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
    command = ['openssl', 'req', '-x509', *kind, *names, '-keyout', key, '-out', certificate]
    subprocess.run(command, check=True, capture_output=True)
    port = free_port()
    files = dict(tls_cert_file=certificate, tls_key_file=key, tls_ca_cert_file=certificate, tls_auth_clients='no')
    try: valkey(appendonly='no', tls_port=port, requirepass='s3cret', **files)
    except AssertionError as e:
        if 'tls' in str(e).lower(): pytest.skip('this valkey-server was built without TLS')
        raise
    url = f'//:s3cret@127.0.0.1:{port}'
    run(works(f'valkeys:{url}?ssl_ca_certs={certificate}'))
    async def stranger():
        with pytest.raises(BackplaneError, match='(?i)certificate|Error 1 connecting'): await opened(f'rediss:{url}')
    run(stranger())


def test_a_cluster(valkey):
    buses = [free_port() for _ in range(2)]
    nodes = [valkey(appendonly='no', cluster_enabled='yes', cluster_port=bus) for bus in buses]
    for node, (low, high) in zip(nodes, ((0, 8191), (8192, 16383)), strict=True):
        with node.client as client: client.execute_command('CLUSTER', 'ADDSLOTSRANGE', low, high)
    with nodes[0].client as client: client.execute_command('CLUSTER', 'MEET', '127.0.0.1', nodes[1].port, buses[1])
    def settled(node):
        with node.client as client: return b'cluster_state:ok' in client.execute_command('CLUSTER', 'INFO')
    until(lambda: all(map(settled, nodes)), 'the cluster to form')
    seeds = ','.join(f'127.0.0.1:{port}' for port in (free_port(), nodes[0].port, nodes[1].port))
    for name in 'abcd': run(works(f'redis+cluster://{seeds}?name={name}'))
    run(works(f'redis://127.0.0.1:{nodes[0].port}?name=a')), run(works(f'redis://127.0.0.1:{nodes[1].port}?name=a'))
    for node in nodes:
        with node.client as client: assert client.dbsize(), 'stores are spread over the nodes'


@pytest.mark.long
def test_sentinels_and_a_failover(valkey, tmp_path):
    master = valkey(appendonly='no')
    replica = valkey(appendonly='no', replicaof=f'127.0.0.1 {master.port}')
    ports = [free_port() for _ in range(3)]
    sentinels = []
    for port in ports:
        (folder := tmp_path/f'sentinel{port}').mkdir()
        (folder/'s.conf').write_text(f'port {port}\nbind 127.0.0.1\ndir {folder}\n'
            f'sentinel monitor main 127.0.0.1 {master.port} 2\nsentinel down-after-milliseconds main 1000\n'
            'sentinel failover-timeout main 5000\n')
        sentinels.append(subprocess.Popen([SERVER, folder/'s.conf', '--sentinel'], stdout=subprocess.DEVNULL))
    url = f'redis+sentinel://127.0.0.1:{free_port()},{",".join(f"127.0.0.1:{port}" for port in ports)}/main'
    async def go():
        backplane = from_url(url)
        before = await _opens(backplane)
        await backplane.publish([Publication(b'%d' % i) for i in range(10)])
        assert len(await bodies(backplane)) == 10, 'a reader was connected'
        with master.client as client: assert client.wait(1, 10_000) == 1
        master.kill()
        after = await _opens(backplane)
        assert after.epoch == before.epoch and await bodies(backplane) == [b'%d' % i for i in range(10)]
        assert len(await backplane.publish([Publication(b'after')])) == 1
        with replica.client as client: assert client.xlen(EVENTS) == 11
        await backplane.close()
    try: run(go())
    finally:
        for sentinel in sentinels:
            sentinel.terminate()
            sentinel.wait()


async def _opens(backplane: RedisBackplane):
    async with asyncio.timeout(60):
        while True:
            try: return await backplane.open(Limits())
            except BackplaneError: await asyncio.sleep(0.2)
