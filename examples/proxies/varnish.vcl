# Varnish: varnishd -a :80 -f /etc/varnish/varnish.vcl
# It has neither TLS nor HTTP/2 for browsers; put a server that has them before it.
vcl 4.1;

backend app {                                # the app: `uvicorn main:app --port 5001`
    .host = "127.0.0.1";
    .port = "5001";
}

sub vcl_recv {
    if (req.url ~ "^/sse/") {
        return (pipe);                       # first of all: no cache, no shared response, no buffer, no change
    }
}

sub vcl_pipe {
    set bereq.http.Connection = "close";     # the next request of this browser is checked again
}
