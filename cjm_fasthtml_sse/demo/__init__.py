"""One page that uses the package: a counter, a list and jobs as live regions, and a wave that is broadcast by hand

`python -m cjm_fasthtml_sse.demo` serves it. `app` has the regions and routes, `page` the elements, `state` the data.
"""
