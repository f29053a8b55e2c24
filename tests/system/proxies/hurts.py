"""Proxy settings that harm a stream, and their remedies, as changes of the files in `examples/proxies/`.

A change is a text of the file and its replacement.
"""

from .real import APACHE, CADDY, HAPROXY, NGINX, SQUID, VARNISH

# nginx
LOCATION = "proxy_buffering off;                 # even if the header X-Accel-Buffering is ignored"
GZIP = ("    proxy_http_version 1.1; ", "    gzip on; gzip_types *; gzip_proxied any;\n"
        "    proxy_ignore_headers X-Accel-Buffering;\n    proxy_http_version 1.1; ")
BUFFERS, CACHES = (LOCATION, ""), ("proxy_cache off; ", "")
CACHE = [("upstream app {", "proxy_cache_path cache keys_zone=pages:1m;\nupstream app {"),
         ("    proxy_http_version 1.1; ", "    proxy_cache pages; proxy_cache_valid any 1m; proxy_cache_lock on;\n"
          "    proxy_ignore_headers Cache-Control Set-Cookie Vary Expires X-Accel-Buffering;\n"
          "    proxy_http_version 1.1; ")]
SHORT = [("proxy_read_timeout 1h", "proxy_read_timeout 10s")]
# HAProxy
WAIT = ("backend app\n", "backend app\n    http-response wait-for-body time 20s at-least 16k\n")
SPARED = ("backend app\n", "backend app\n    http-request set-var(txn.path) path\n"
          "    http-response wait-for-body time 20s at-least 16k unless { var(txn.path) -m end /broadcast }\n")
NO_H2 = ("alpn h2,http/1.1", "alpn http/1.1")
# Caddy
MATCH = "encode {\n\t\tgzip\n\t\tminimum_length 1\n\t\tmatch {\n\t\t\theader Content-Type text/*\n\t\t}\n\t}\n"
ENCODE = "encode zstd gzip  # excludes event streams, unless a `match` includes them\n"
# Varnish
PIPE = ("        return (pipe); ", "        # ")
RESPONSE = ("sub vcl_pipe {", "sub vcl_backend_response {{\n    {}\n}}\n\nsub vcl_pipe {{")
HASH = ("sub vcl_pipe {", "sub vcl_recv {\n    unset req.http.cookie;\n    return (hash);\n}\n\n"
        "sub vcl_backend_response {\n    unset beresp.http.set-cookie;\n    unset beresp.http.cache-control;\n"
        "    set beresp.ttl = 60s;\n}\n\nsub vcl_pipe {")
# Apache
DEFLATE = ("    ProxyTimeout 3600", "    SetOutputFilter DEFLATE\n    ProxyTimeout 3600")


def response(line): return RESPONSE[0], RESPONSE[1].format(line)


# Name: the proxy, the label in the table, and the changes of its file.
RUNS = {
    "none": (None, "the app alone", []),
    "nginx": (NGINX, "`nginx.conf`", []),
    "nginx-bare": (NGINX, "without the lines for `/sse/`", [BUFFERS, CACHES, ("proxy_read_timeout 1h; ", "")]),
    "nginx-gzip": (NGINX, "gzip for streams, `X-Accel-Buffering` ignored, buffering on", [GZIP, BUFFERS]),
    "nginx-gzip-mended": (NGINX, "the same with `proxy_buffering off`", [GZIP]),
    "nginx-cache": (NGINX, "a cache for everything, with a lock", [*CACHE, CACHES, BUFFERS]),
    "nginx-cache-mended": (NGINX, "the same with `proxy_cache off`", [*CACHE, BUFFERS]),
    "nginx-short": (NGINX, "`proxy_read_timeout 10s`", SHORT),
    "haproxy": (HAPROXY, "`haproxy.cfg`", []),
    "haproxy-http1": (HAPROXY, "HTTP/1.1 to the browser", [NO_H2]),
    "haproxy-late": (HAPROXY, "the same without `option http-no-delay`", [NO_H2, ("option http-no-delay", "")]),
    "haproxy-deaf": (HAPROXY, "without `option abortonclose`", [("option abortonclose", "")]),
    "haproxy-short": (HAPROXY, "`timeout client`, `timeout server` of 10 s", [(f"{side} 1h", f"{side} 10s") for side in
                                                                          ("timeout client", "timeout server")]),
    "haproxy-wait": (HAPROXY, "`wait-for-body`", [WAIT]),
    "haproxy-wait-mended": (HAPROXY, "the same, with streams excluded", [SPARED]),
    "caddy": (CADDY, "`Caddyfile`", []),
    "caddy-match": (CADDY, "`encode` with a `match` for `text/*`", [(ENCODE, MATCH)]),
    "caddy-match-mended": (CADDY, "the same for `@pages not path /sse/*`", [
        (ENCODE, "@pages not path /sse/*\n\t" + MATCH.replace("encode {", "encode @pages {"))]),
    "varnish": (VARNISH, "`varnish.vcl`", []),
    "varnish-bare": (VARNISH, "without `return (pipe)`", [PIPE]),
    "varnish-whole": (VARNISH, "the same with `do_stream = false`", [PIPE, response("set beresp.do_stream = false;")]),
    "varnish-gzip": (VARNISH, "the same with `do_gzip = true`", [PIPE, response("set beresp.do_gzip = true;")]),
    "varnish-cache": (VARNISH, "everything cached, cookies or not", [PIPE, HASH]),
    "varnish-cache-mended": (VARNISH, "the same with `return (pipe)`", [HASH]),
    "squid": (SQUID, "`squid.conf`", []),
    "apache": (APACHE, "`apache.conf`", []),
    "apache-deflate": (APACHE, "`SetOutputFilter DEFLATE`", [DEFLATE]),
    "apache-short": (APACHE, "`ProxyTimeout 10`", [("ProxyTimeout 3600", "ProxyTimeout 10")]),
}
