# Varnish: varnishd -a :80 -f /etc/varnish/varnish.vcl
# It speaks neither TLS nor HTTP/2 to browsers; something that does stands before it.
vcl 4.1;

backend app {                                # the app: `uvicorn main:app --port 5001`
    .host = "127.0.0.1";
    .port = "5001";
}

sub vcl_recv {
    if (req.url ~ "^/sse/") {
        return (pipe);                       # before anything else: nothing is kept, joined, collected or changed
    }
}

sub vcl_pipe {
    set bereq.http.Connection = "close";     # what a browser asks next by this connection is looked at again
}
