# Written by `make export` from the module beside this file: do not edit.
from .browser import Answer as Answer, LineLost as LineLost, Browser as Browser
from .checks import Broadcast as Broadcast
from .engine import TestEngine as TestEngine
from .page import TabEvent as TabEvent
from .pages import NotInKit as NotInKit
from .problems import AppError as AppError, Problem as Problem
from .server import Clock as Clock, Server as Server
from .tab import Tab as Tab
from .world import World as World, live as live

__all__ = ['Answer', 'LineLost', 'Browser', 'Broadcast', 'TestEngine', 'TabEvent', 'NotInKit', 'AppError', 'Problem', 'Clock', 'Server', 'Tab', 'World', 'live']
