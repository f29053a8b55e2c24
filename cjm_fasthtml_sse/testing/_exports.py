"The module that holds each public name of this wing. Written by `make export`: do not edit."

modules = {
    "Answer": "browser",
    "LineLost": "browser",
    "Browser": "browser",
    "Broadcast": "checks",
    "TestEngine": "engine",
    "TabEvent": "page",
    "NotInKit": "pages",
    "AppError": "problems",
    "Problem": "problems",
    "Clock": "server",
    "Server": "server",
    "Tab": "tab",
    "World": "world",
    "live": "world",
}
