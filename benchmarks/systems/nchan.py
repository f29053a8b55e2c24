"""nchan in nginx, one worker, configured in a temporary folder. Events arrive by HTTP POST, whose cost is included."""
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from common import TEXT

MODULE = '/usr/lib/nginx/modules/ngx_nchan_module.so'
CONF = '''
load_module {module};
user {user}; worker_processes 1; daemon off; pid {dir}/pid; error_log {dir}/error.log;
worker_rlimit_nofile 20000;
events {{ worker_connections 10000; }}
http {{
  access_log off; keepalive_requests 100000000; keepalive_timeout 1h; nchan_shared_memory_size 128M;
  client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy; fastcgi_temp_path {dir}/fastcgi;
  uwsgi_temp_path {dir}/uwsgi; scgi_temp_path {dir}/scgi;
  server {{
    listen 127.0.0.1:{port} backlog=4096{sndbuf};
    location = /stream {{ nchan_subscriber eventsource; nchan_channel_id bench; }}
    location = /publish {{ nchan_publisher; nchan_channel_id bench; }}
  }}
}}'''

def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]

def worker(
    master: int # Process id of nginx's master
) -> int: # Process id of its worker, when it exists
    "Wait for the master's only child."
    for _ in range(500):
        if pids := pathlib.Path(f'/proc/{master}/task/{master}/children').read_text().split(): return int(pids[0])
        time.sleep(.01)
    raise TimeoutError('nginx started no worker')

def post(text): return f'POST /publish HTTP/1.1\r\nHost: bench\r\nContent-Length: {len(text)}\r\n\r\n{text}'

nginx = shutil.which('nginx') or '/usr/sbin/nginx'
if not (os.path.exists(nginx) and os.path.exists(MODULE)): sys.exit('nginx with libnginx-mod-nchan is not installed')
with tempfile.TemporaryDirectory() as tmp:
    port, size = free_port(), os.environ.get('BENCH_SNDBUF')
    conf = pathlib.Path(tmp, 'nginx.conf')
    user, sndbuf = 'root' if os.getuid() == 0 else 'nobody', f' sndbuf={size}' if size else ''
    conf.write_text(CONF.format(module=MODULE, dir=tmp, port=port, user=user, sndbuf=sndbuf))
    master = subprocess.Popen([nginx, '-p', tmp, '-c', conf, '-e', f'{tmp}/error.log'], stdin=subprocess.DEVNULL)
    try:
        print(json.dumps(dict(port=port, path='/stream', publish=port, small=post(TEXT['.']), large=post(TEXT['+']),
                              pids=[worker(master.pid)], control=False)), flush=True)
        sys.stdin.read()
    finally:
        master.terminate()
        master.wait()
