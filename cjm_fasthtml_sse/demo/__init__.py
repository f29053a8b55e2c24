"""One page that uses the package: a counter and a list that all tabs share, and jobs with a stream of their own

`python -m cjm_fasthtml_sse.demo` serves it. `app` has the routes, `page` the elements, `__main__` the command.
"""
