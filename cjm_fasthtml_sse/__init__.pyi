# Written by `make export` from the module beside this file: do not edit.
from .events.log import Replay as Replay, Log as Log
from .events.mailbox import MAX_SEND_BYTES as MAX_SEND_BYTES, Delivery as Delivery, Mailbox as Mailbox
from .events.record import BroadcastMessage as BroadcastMessage, Event as Event, Record as Record, make_record as make_record, encode_record as encode_record, decode_record as decode_record
from .events.renderer import Renderer as Renderer
from .events.topics import MAX_TOPIC as MAX_TOPIC, MAX_PARTS as MAX_PARTS, MAX_TOPICS as MAX_TOPICS, check_topic as check_topic, check_topics as check_topics, matches as matches, covers as covers
from .events.wire import CLOSE_EVENT as CLOSE_EVENT, RETRY_RANGE as RETRY_RANGE, MAX_DEPTH as MAX_DEPTH, SSEError as SSEError, FrameError as FrameError, ConnectionClosed as ConnectionClosed, ConnectionRefused as ConnectionRefused, BackplaneError as BackplaneError, encode_frame as encode_frame, encode_comment as encode_comment, is_markup as is_markup, validate as validate, render_html as render_html, to_json as to_json
from .asgi.response import StreamMiddleware as StreamMiddleware, bypass_middleware as bypass_middleware, SSEResponse as SSEResponse
from .asgi.stream import Stream as Stream, FrameStream as FrameStream
from .browser.elements import SWAP_STYLES as SWAP_STYLES, STATES as STATES, create_sse_element as create_sse_element, connection_indicator as connection_indicator, sse_headers as sse_headers, cleanup_sse_on_unload as cleanup_sse_on_unload, create_reconnection_script as create_reconnection_script, create_connection_manager_script as create_connection_manager_script
from .browser.scripts import asset_url as asset_url, serve_assets as serve_assets
from .backplanes.base import Limits as Limits, Publication as Publication, Entry as Entry, Opened as Opened, Gap as Gap, Unable as Unable, Backplane as Backplane, backplane_from_url as backplane_from_url
from .backplanes.conformance import check_backplane as check_backplane
from .backplanes.memory import MemoryBackplane as MemoryBackplane
from .backplanes.publisher import Publisher as Publisher
from .cluster.link import Cluster as Cluster
from .core.access import TOKEN_MAX_AGE as TOKEN_MAX_AGE, sign_topics as sign_topics, AccessPolicy as AccessPolicy, signed_only as signed_only
from .core.broadcast import create_broadcast_handler as create_broadcast_handler, setup_broadcast_routes as setup_broadcast_routes
from .core.connections import MAX_ID as MAX_ID, ConnectionState as ConnectionState, ClosableQueue as ClosableQueue, SSEConnection as SSEConnection, check_connection_id as check_connection_id, Capacity as Capacity, ConnectionRegistry as ConnectionRegistry
from .core.manager import Statistics as Statistics, BroadcastManager as BroadcastManager
from .core.presence import UserPresence as UserPresence, Presence as Presence
from .core.streaming import SWAP_MODES as SWAP_MODES, StreamConfig as StreamConfig, SSEStream as SSEStream, OOBStreamBuilder as OOBStreamBuilder
from .live.live import Live as Live
from .live.markup import Gone as Gone

__version__: str
__all__ = ['Replay', 'Log', 'MAX_SEND_BYTES', 'Delivery', 'Mailbox', 'BroadcastMessage', 'Event', 'Record', 'make_record', 'encode_record', 'decode_record', 'Renderer', 'MAX_TOPIC', 'MAX_PARTS', 'MAX_TOPICS', 'check_topic', 'check_topics', 'matches', 'covers', 'CLOSE_EVENT', 'RETRY_RANGE', 'MAX_DEPTH', 'SSEError', 'FrameError', 'ConnectionClosed', 'ConnectionRefused', 'BackplaneError', 'encode_frame', 'encode_comment', 'is_markup', 'validate', 'render_html', 'to_json', 'StreamMiddleware', 'bypass_middleware', 'SSEResponse', 'Stream', 'FrameStream', 'SWAP_STYLES', 'STATES', 'create_sse_element', 'connection_indicator', 'sse_headers', 'cleanup_sse_on_unload', 'create_reconnection_script', 'create_connection_manager_script', 'asset_url', 'serve_assets', 'Limits', 'Publication', 'Entry', 'Opened', 'Gap', 'Unable', 'Backplane', 'backplane_from_url', 'check_backplane', 'MemoryBackplane', 'Publisher', 'Cluster', 'TOKEN_MAX_AGE', 'sign_topics', 'AccessPolicy', 'signed_only', 'create_broadcast_handler', 'setup_broadcast_routes', 'MAX_ID', 'ConnectionState', 'ClosableQueue', 'SSEConnection', 'check_connection_id', 'Capacity', 'ConnectionRegistry', 'Statistics', 'BroadcastManager', 'UserPresence', 'Presence', 'SWAP_MODES', 'StreamConfig', 'SSEStream', 'OOBStreamBuilder', 'Live', 'Gone']
