"""One page that uses the package: a counter and a list that all tabs share, and jobs, each with a stream of its own

`python -m cjm_fasthtml_sse.demo` serves it. `app` is what happens, `page` how it looks, `__main__` the command.
"""
