"What `help` shows below docstrings. Written by `make export` from comments: do not edit."

comments = {
    'Replay': {
        '': 'Attributes:\n    max_events: Events kept for readers to resume from\n    max_bytes: Bytes of these events, with their rendered frames\n    max_age: Seconds that an event is kept; None for no limit\n    max_retained: Retained keys; the key updated least recently is removed first\n    max_retained_bytes: Bytes of retained events, in addition to `max_bytes`',
    },
    'Log': {
        '': 'Attributes:\n    epoch: Begins the ids\n    head: Position of the newest event\n    event_count: Events in the log\n    size: Bytes of them',
        '__init__': "Args:\n    replay: Limits on the events kept\n    clock: Returns seconds, with any zero; or all of time and chance\n    epoch: Epoch in the log's ids; None for a random one\n    may_lag: Whether other processes may have read further than this log",
        'new': 'Args:\n    epoch: Epoch of the new log; None for a random one\n\nReturns:\n    An empty log',
        'cursor': 'Returns:\n    Names position 0 if the log has had no event',
        'append': 'Args:\n    message: Message to send\n    json: Its JSON, if the caller already has it\n    topic: Topic; None for all subscribers\n    key: Replaces the older event of this topic and key\n    retain: Whether new readers get the newest event of this key\n    exclude: Ids of connections that do not get the event\n    echo: Echoes of the tab that caused the event\n    position: Position from a backplane, beyond the head; None for the next one\n    age: Seconds since the backplane assigned the position\n\nReturns:\n    The event at its position',
        'add_lost': 'Args:\n    topic: Topic of the event\n    position: Position that the event had',
        'add_size': 'Args:\n    event: Event that was rendered\n    size: Bytes that it has grown by',
        'replace_with': 'Args:\n    other: A log with the same limits; do not use it afterwards',
        'position_of': 'Args:\n    id: Id from a client\n\nReturns:\n    Position, or None if this log did not issue the id',
        'parse_id': 'Args:\n    id: Id from a client\n\nReturns:\n    Position, possibly beyond the head, or None if the id is of another epoch',
        'marks': 'Args:\n    id: Id from a client\n\nReturns:\n    Empty for an id of another epoch',
        'resume': 'Args:\n    last_event_id: Last id that the reader received; None or empty for a new reader\n    topics: Topics and patterns of the reader\n\nReturns:\n    Position to continue from',
        'read': 'Args:\n    after: Last position that the reader has\n    topics: Topics and patterns of the reader\n    count: Events in a batch\n    size: Bytes after which a batch is full\n\nReturns:\n    The batch, and the position up to which it is complete',
        'of_topic': 'Args:\n    topic: Topic or pattern\n\nReturns:\n    Oldest first',
        'latest': 'Args:\n    count: Most events to return\n\nReturns:\n    Oldest first',
        'lag': 'Args:\n    after: Last position that a reader has\n\nReturns:\n    Unread events in the log, and seconds since the first of them was appended',
    },
    'Delivery': {
        '': 'Attributes:\n    max_queue_bytes: Bytes that wait for one reader; an empty mailbox accepts any event\n    max_send_bytes: Bytes after which no further event joins a send\n    max_event_bytes: Bytes of JSON of one event\n    overflow: For a reader whose events were trimmed: `reset` or `disconnect`\n    send_timeout: Seconds that one send may wait for a reader\n    retry_range: Least and most milliseconds before a closed stream reconnects',
    },
    'Mailbox': {
        '': 'Attributes:\n    cursor: Position up to which the reader has all events\n    behind: Whether it reads on from the log\n    size: Bytes that wait here',
        '__init__': 'Args:\n    log: Log to read from while the reader is behind\n    connection_id: Id of the connection, for events that exclude some\n    renderer: Renders the events\n    topics: Topics and patterns of the reader\n    max_events: Events that wait here; further events wait in the log\n    delivery: Limits in bytes, and what happens if events were trimmed\n    counters: Counters to update\n    last_event_id: Last id that the reader received; None for a new reader\n    marks: Marks of requested topics that the reader does not receive\n    regained: Whether the reader now receives a topic that its last id lacks',
        'offer': 'Args:\n    event: Newest event of the log, not excluded for this reader',
        'ahead': 'Returns:\n    Only if several processes share a backplane',
        'contents': 'Returns:\n    Empty for a reader that is behind and has taken its last batch',
        'qsize': 'Returns:\n    Number of events and frames',
        'has_more': 'Returns:\n    Whether to call `take`',
        'advance_if_idle': 'Returns:\n    Whether the reader has all of its events',
        'reset': "Args:\n    reason: Reason, in the event's data",
        'put_private': 'Args:\n    frame: Frame for this reader alone\n\nReturns:\n    False if the mailbox is full',
        'take': 'Args:\n    limit: Bytes after which no further event is joined\n\nReturns:\n    Joined frames; empty if nothing waits',
        'add_marks': 'Args:\n    marks: Marks from `marks.mark_of`',
        'put_reset': 'Returns:\n    False if the mailbox is full',
        'restrict': 'Args:\n    topics: Topics and patterns that the reader keeps\n\nReturns:\n    False if frames of unknown topics wait; nothing has changed then',
    },
    'BroadcastMessage': {
        '': "Attributes:\n    type: Type of the event, defined by the application\n    data: JSON values, elements and dates\n    timestamp: ISO 8601, in the server's local time\n    metadata: Further values of the application, sent with the message\n    id: Id in the log; None for a message to one connection",
        'to_dict': 'Returns:\n    Dictionary representation of the message',
        'to_json': 'Returns:\n    JSON string representation of the message',
        'to_sse': 'Args:\n    event_type: SSE event type for the message; None for an event without a name\n\nReturns:\n    SSE formatted message string',
    },
    'Event': {
        '': "Attributes:\n    position: Order of the events; gaps have no meaning\n    id: Id for clients; None for a message to one connection\n    message: Message that was sent\n    json: The message as JSON\n    topic: Topic; None for all subscribers\n    key: A newer event of the same topic and key replaces this one\n    exclude: Ids of connections that do not get it\n    added_at: Time of appending in seconds, by the log's clock\n    size: Bytes, including frames\n    frames: Frames by renderer\n    length: Bytes of its JSON\n    superseded: Connections excluded by all newer events of its key; None if none\n    echo: Echoes of the tab that caused it, which does not show it; None if each tab does",
        'excluded_for': 'Args:\n    connection_id: Id of a connection\n\nReturns:\n    Whether the connection does not get this event',
        'head': 'Args:\n    marks: End of the id\n\nReturns:\n    To be put before a frame without an id',
    },
    'Record': {
        '': 'Attributes:\n    type: Type of the event, defined by the application\n    data: Result of `wire.validate`\n    timestamp: ISO 8601\n    metadata: Further values of the application\n    topic: Topic; None for all subscribers\n    key: Replaces older events of its topic and key\n    retain: Whether new subscribers get the event\n    exclude: Ids of connections that do not get it\n    json: The message as JSON\n    echo: Echoes of the tab that caused it, separated by a space',
    },
    'make_record': {
        '': 'Args:\n    message_type: Non-empty text that is valid as an event name\n    data: JSON values, elements and dates\n    metadata: Further values of the same kinds\n    exclude: Ids of connections that do not get the event\n    topic: Topic without a star\n    key: Non-empty text\n    retain: Whether new subscribers get the event; needs a key\n    max_event_bytes: Most bytes of its JSON\n    time: Clock for the timestamp\n\nReturns:\n    A copy of all values, with its JSON',
    },
    'encode_record': {
        '': 'Args:\n    record: Record to send; its JSON is made if missing\n    publisher: Name of the publisher\n    number: Number of the record, counted by the publisher\n\nReturns:\n    UTF-8: a line of JSON, then the message',
    },
    'decode_record': {
        '': 'Args:\n    body: Result of `encode_record`, from any process\n\nReturns:\n    Publisher, number, and the record',
    },
    'Renderer': {
        '__init__': 'Args:\n    builder: Makes elements of type and data; None for JSON\n    named: Whether each event is sent under its type, so that a page can select by name\n    counters: Counters for failures\n    time: Clock for the pauses between two log lines about failures',
        'frame': "Args:\n    event: Event of `log`\n    log: Log that counts the bytes\n    with_id: False for a frame that does not move a reader's cursor\n\nReturns:\n    The frame, or None if the route does not show this event",
        'render': 'Args:\n    message: Message to render\n    json: The message as JSON\n    id: Id of the frame\n    topic: Topic of the frame\n    echo: Echoes of the frame\n\nReturns:\n    The frame, or None if the builder shows nothing',
    },
    'check_topic': {
        '': 'Args:\n    topic: A topic, or also a pattern if `pattern` is true\n    pattern: Whether `*` or `**` may be the last part\n\nReturns:\n    The same topic',
    },
    'check_topics': {
        '': 'Args:\n    topics: One topic or pattern, or several\n\nReturns:\n    The checked topics and patterns',
    },
    'matches': {
        '': 'Args:\n    topics: Topics and patterns of a subscriber\n    topic: Topic of an event\n\nReturns:\n    Whether the subscriber gets the event',
    },
    'covers': {
        '': 'Args:\n    wide: A topic or pattern\n    narrow: Another one\n\nReturns:\n    Whether `wide` matches every topic that `narrow` matches',
    },
    'ConnectionRefused': {
        '__init__': 'Args:\n    reason: One sentence for the client\n    status: HTTP status code of the response\n    passing: Whether the same request may succeed soon; always true for 429 and 503',
    },
    'BackplaneError': {
        '__init__': 'Args:\n    reason: One sentence, without a password\n    doubtful: Whether it is unknown if the event was published',
    },
    'encode_frame': {
        '': 'Args:\n    data: Text of the event; None for a frame that only moves the cursor or names an event\n    event: Event name; clients use `message` if there is none\n    id: Id that a client returns as `Last-Event-ID`\n    retry: Milliseconds before a client reconnects\n    topic: Topic of the event, for tabs that share a stream; other clients ignore it\n    echo: Names the tab that does not show the event; other clients ignore it\n\nReturns:\n    The frame as UTF-8, with its closing blank line',
    },
    'encode_comment': {
        '': 'Args:\n    text: Text of the comment; each of its lines becomes a comment line\n\nReturns:\n    Bytes that every client ignores',
    },
    'is_markup': {
        '': 'Args:\n    value: Any value\n\nReturns:\n    Whether it is an FT element or another object that renders itself to HTML',
    },
    'validate': {
        '': 'Args:\n    data: Data from a caller\n    path: Path of the data, for error messages\n    depth: Depth of nesting\n\nReturns:\n    A copy of all dicts and lists, safe to keep',
    },
    'render_html': {
        '': 'Args:\n    element: An element, a list or tuple of them, or text\n\nReturns:\n    HTML, on one line if the element allows it',
    },
    'to_json': {
        '': 'Args:\n    data: Data that `validate` accepts\n\nReturns:\n    JSON without `<`, `>` and `&`',
    },
    'StreamMiddleware': {
        '__init__': 'Args:\n    app: The application with all its middleware',
    },
    'bypass_middleware': {
        '': 'Args:\n    app: A FastHTML or Starlette application',
    },
    'SSEResponse': {
        '': 'Attributes:\n    background: What is awaited when the stream has ended',
        '__init__': 'Args:\n    content: Frames, or a function that opens a stream\n    headers: Added to the headers that keep proxies from buffering\n    background: Awaited when the stream has ended, as in Starlette',
    },
    'Stream': {
        '': "Attributes:\n    send_timeout: seconds that one send may wait for the client\n    server_send: None before the stream begins and after it is over\n    wrap_send: called when the stream begins; the result has `end`\n    cycle: uvicorn's object of the response, if its body can be written as chunks",
        'take': 'Returns:\n    Empty if none wait',
        'take_more': 'Returns:\n    Empty if none wait, or if `flush` will be called for them',
        'on_close': 'Args:\n    reason: `left`, or the reason of a drop',
        'send_now': 'Args:\n    body: Bytes to send, while no writer is at work\n    last: Whether the response ends with them',
        'finish_send': 'Args:\n    message: ASGI message\n    started: Its send, if that has begun\n\nReturns:\n    False if the stream is over',
        'end': 'Args:\n    closing_frame: The last frames',
        'abort': 'Args:\n    reason: Shown in the log and the counts',
        'run': 'Args:\n    receive: Returns a message when the client has disconnected\n    send: Takes the body; the start of the response was already sent',
    },
    'FrameStream': {
        '__init__': 'Args:\n    frames: Whole frames',
        'end': 'Args:\n    closing_frame: The last frames',
    },
    'create_sse_element': {
        '': 'Args:\n    endpoint: URL of the stream: a path, or http(s)\n    element_id: Id of the element; an element here becomes its child\n    swap_strategy: Name of an event (or a,b,c), or one of `SWAP_STYLES` for events without a name\n    hidden: Whether to hide the element\n    topics: Topics to subscribe to, each added to the URL as `topic`\n    cursor: Id of the last event that the page already shows, added to the URL as `last_event_id`\n    share: Whether tabs may share the connection, if the stream allows it\n    refresh: URL of the content after a reset; True reloads the page\n    refresh_spread: Milliseconds over which the refreshes of all pages are spread\n    attrs: Additional attributes for the element; they override those made here\n\nReturns:\n    SSE-enabled Div element configured for HTMX',
    },
    'connection_indicator': {
        '': 'Args:\n    texts: Other texts for some of `STATES` and for the button (`reload`)\n    attrs: Additional attributes for the element; they override those made here\n\nReturns:\n    Element that the script updates',
    },
    'sse_headers': {
        '': "Args:\n    htmx: Major version of htmx on the page: 2 or 4\n    local: URL of a folder like `node_modules`, or one a package; None: the CDN\n    nonce: Nonce of the page's Content Security Policy\n    src: Prefix of the routes that serve the script; None: inline script\n    share: Whether the page's tabs may share a connection\n    teach: Whether to warn about mistakes of the page in the console\n    morph: Whether the page uses the swap style `morph`\n\nReturns:\n    Elements for `fast_app(hdrs=…)`",
    },
    'cleanup_sse_on_unload': {
        '': "Args:\n    nonce: Nonce of the page's Content Security Policy\n    src: Prefix of the routes that serve the script; None: inline script\n\nReturns:\n    Script element",
    },
    'create_reconnection_script': {
        '': "Args:\n    check_interval: Milliseconds from a failure to the next attempt, plus up to a quarter\n    max_retries: Maximum number of attempts in a row; 0 for none\n    debug: Whether to log attempts at the console's debug level\n    nonce: Nonce of the page's Content Security Policy\n    src: Prefix of the routes that serve the script; None: inline script\n\nReturns:\n    Script element",
    },
    'create_connection_manager_script': {
        '': "Args:\n    registry_endpoint: URL of the statistics, as JSON\n    update_interval: Milliseconds between two requests\n    debug: Whether to log failures at the console's debug level\n    nonce: Nonce of the page's Content Security Policy\n    src: Prefix of the routes that serve the script; None: inline script\n\nReturns:\n    Script element",
    },
    'asset_url': {
        '': 'Args:\n    prefix: URL prefix under which `serve_assets` serves\n    name: One of `FILES`\n\nReturns:\n    A path',
    },
    'serve_assets': {
        '': 'Args:\n    app: A FastHTML or Starlette application\n    prefix: URL prefix',
    },
    'Limits': {
        '': "Attributes:\n    events: Entries of the channel `events`\n    age: Seconds after which an event is trimmed, by the engine's clock; None for never\n    retained: Keys of which the newest retained entry is kept\n    control: Entries of the channel `control`\n    event_bytes: Bytes of the channel `events`\n    retained_bytes: Bytes of retained entries, in addition\n    control_bytes: Bytes of the channel `control`\n    is_reader: False for a process that only publishes; it leaves the detection of lost events to readers",
    },
    'Publication': {
        '': 'Attributes:\n    body: The result of `encode_record`; an adapter does not decode it\n    channel: `events` or `control`\n    key: Scope and name of an event with a key; a newer event replaces the retained one\n    retain: Whether the engine keeps it for its key, at any age',
    },
    'Entry': {
        '': "Attributes:\n    position: Grows within the channel\n    body: As published\n    channel: `events` or `control`\n    at: Time of publication, in seconds by the engine's clock",
    },
    'Opened': {
        '': "Attributes:\n    epoch: Id of this sequence of events: 1 to 40 of a-z and 0-9; stored in the engine\n    first: No event after this position was trimmed; 0 if none ever was\n    last: The newest position of `events`; 0 if there is none\n    last_control: The newest position of `control`; 0 if there is none\n    now: The engine's clock, in seconds: `now - entry.at` is an entry's age",
    },
    'Gap': {
        '__init__': "Args:\n    name: The engine's name, for the message\n    first: No event after this position was trimmed",
    },
    'Backplane': {
        '': 'Attributes:\n    name: Kind and address for logs, without a password\n    max_bytes: The largest body, set by `open`',
        'open': 'Args:\n    limits: How much the engine keeps\n\nReturns:\n    The state of the engine',
        'publish': 'Args:\n    publications: In the order of their positions\n\nReturns:\n    Their positions',
        'read': 'Args:\n    after: The last known position of each channel\n    count: Maximum entries of a channel\n    wait: Seconds to wait for the first\n\nReturns:\n    Each channel in order; empty if none came in time',
        'retained': 'Returns:\n    Oldest first',
        'new_epoch': 'Args:\n    epoch: The epoch to end\n\nReturns:\n    The epoch that holds now',
        'put_node_info': "Args:\n    node: Id of a process\n    body: JSON; replaces the node's former value",
        'node_info': 'Returns:\n    By node',
        'drop_node_info': 'Args:\n    node: Id of a process that has ended',
    },
    'backplane_from_url': {
        '': 'Args:\n    url: Such as `sqlite:///path/to/file.db` or `redis://localhost:6379/0`\n    time: Clock and source of epochs for the adapter\n\nReturns:\n    Not open yet',
    },
    'check_backplane': {
        '': 'Args:\n    make: Makes an adapter, not open yet, for the store of that name (letters and digits)\n    unreachable: Makes one whose engine is down; None skips this check\n    secret: The password of the adapters; no name and no error may show it\n    seconds: Time limit of one check\n\nReturns:\n    The rules that hold',
    },
    'MemoryBackplane': {
        '__init__': 'Args:\n    name: Name for logs\n    time: Clock of the entries, and source of epochs',
    },
    'Publisher': {
        '__init__': 'Args:\n    url: The backplane, as for `BroadcastManager`\n    timeout: Seconds to retry an event or a connection before an error\n    max_event_bytes: Maximum bytes of JSON of an event\n    time: Clock, random delays and random names',
        'publish_async': "Args:\n    message_type: The event's type\n    data: As for `broadcast`\n    metadata: Data for the application\n    exclude: Ids of connections that do not get the event\n    topic: Topic of the event; None for all subscribers\n    key: Replaces older events of this topic and key that a reader has not received yet\n    retain: Whether new subscribers get the newest event of this key\n\nReturns:\n    The event's id, or perhaps a slightly later one if the event was sent twice",
        'publish': "Args:\n    message_type: The event's type\n    data: As for `broadcast`\n    metadata: Data for the application\n    exclude: Ids of connections that do not get the event\n    topic: Topic of the event; None for all subscribers\n    key: Replaces older events of this topic and key that a reader has not received yet\n    retain: Whether new subscribers get the newest event of this key\n\nReturns:\n    The event's id",
        'touch_async': 'Args:\n    names: Names that live regions depend on\n\nReturns:\n    Ids of the touches',
        'touch': 'Args:\n    names: Names that live regions depend on\n\nReturns:\n    Ids of the touches',
    },
    'Cluster': {
        '': 'Attributes:\n    buffer: Whether events are kept while the engine takes none; `broadcast(buffer=…)` overrides it\n    buffer_limit: Publications that may wait for the engine\n    buffer_bytes: Bytes of them\n    publish_timeout: Seconds that it may stay unknown whether the engine has an event\n    open_timeout: Seconds that a request waits for an engine that was never reached\n    report_interval: Seconds between two reports to the other nodes',
    },
    'sign_topics': {
        '': "Args:\n    app: The manager of the stream, the FastHTML app that serves it, or that app's secret key\n    topics: Topics that the page may subscribe to\n    user: User of the token, as in `auth` or from `identify`; None for any user\n    patterns: Whether patterns such as `job/*` and `job/**` may be signed\n\nReturns:\n    Token for the URL of a stream, as `signed=`",
    },
    'AccessPolicy': {
        '': 'Attributes:\n    identify: Hook that returns the user of a request; None uses `auth`\n    authorize: Hook that returns the allowed `topics`; None allows all\n    can_list_connections: Hook: True if a request may list connections; None: never\n    allow_origins: Other sites whose pages may read, such as `https://app.example.org`\n    token_max_age: Seconds for which a token of `sign_topics` is valid',
    },
    'signed_only': {
        '': 'Args:\n    topics: Topics requested without a token\n\nReturns:\n    Whether there are none',
    },
    'create_broadcast_handler': {
        '': "Args:\n    manager: The manager whose events are sent\n    element_builder: Type and data to element, not blocking; None sends JSON\n    named: Whether each event has its type as its name, so that a page can choose by it\n    policy: The application's decisions\n\nReturns:\n    An asynchronous handler that takes `connection_id`",
    },
    'setup_broadcast_routes': {
        '': "Args:\n    app: A FastHTML app\n    manager: The manager whose events are sent\n    prefix: URL prefix for SSE endpoints\n    element_builder: Makes an element of type and data; None sends JSON\n    named: Whether each event has its type as its name, so that a page can choose by it\n    policy: The application's decisions",
    },
    'ClosableQueue': {
        '': 'Attributes:\n    reason: Why it was closed; None while it is open',
        'close': 'Args:\n    reason: Message of the error that readers get',
    },
    'SSEConnection': {
        '': "Attributes:\n    connection_id: Unique id in its registry\n    queue: Messages that were not read yet\n    connection_type: Kind of connection; the registry counts by it\n    state: Current state\n    metadata: Data of the application\n    created_at: Start, in the server's local time\n    last_activity: Time of the last message or heartbeat\n    message_count: Number of messages sent",
        'send': 'Args:\n    data: Data to send\n    timeout: Seconds to wait for room in the queue\n\nReturns:\n    True if it is in the queue, False if the connection has ended or had no room in time',
        'heartbeat': 'Returns:\n    SSE formatted heartbeat message',
        'is_active': 'Returns:\n    True if messages can still be delivered',
    },
    'check_connection_id': {
        '': 'Args:\n    connection_id: An id from a client or the application\n\nReturns:\n    The same id',
    },
    'Capacity': {
        '': 'Attributes:\n    max_connections: Connections in all; further streams get 503; None for no limit\n    max_connections_per_user: Streams of one user; further ones get 429; None for no limit\n    max_topics: Topics and patterns of one stream; more get 400',
    },
    'ConnectionRegistry': {
        '': "Attributes:\n    connections: By id\n    connections_by_type: Ids of each type\n    lock: Not used by this package\n    node: Suffix of this process's ids, if several processes share a backplane\n    left_in_parent: Connections that stayed in the parent when this process was forked",
        '__init__': 'Args:\n    debug: Log each added and removed connection\n    on_remove: Called with each removed connection',
        'add': 'Args:\n    connection: A new connection\n\nReturns:\n    The same connection, now connected',
        'remove': 'Args:\n    connection: The connection to remove\n\nReturns:\n    Whether it was registered',
        'new_id': 'Args:\n    kind: Prefix of the id\n\nReturns:\n    An unused id',
        'add_connection': "Args:\n    conn_id: Optional connection ID (auto-generated if not provided)\n    conn_type: Type of connection (e.g., 'global', 'job', 'user')\n    queue_size: Size of the message queue; 0 for no limit\n    metadata: Optional metadata for the connection\n\nReturns:\n    The created SSEConnection",
        'remove_connection': 'Args:\n    conn_id: Connection ID to remove',
        'get_connection': 'Args:\n    conn_id: Connection ID\n\nReturns:\n    The connection if found, None otherwise',
        'get_connections': 'Args:\n    conn_type: Optional connection type to filter by\n\nReturns:\n    List of connections',
        'get_active_connections': 'Args:\n    conn_type: Optional connection type to filter by\n\nReturns:\n    List of active connections',
        'get_stats': 'Returns:\n    Numbers only: `total`, `active`, `by_type`, `message_count`',
    },
    'Statistics': {
        '': "Attributes:\n    connections: Open streams and queues\n    streams: Open responses\n    tabs: Browser tabs that share them\n    waiting: Events and frames in all mailboxes and queues\n    lag: Events of the log that the slowest subscriber has not read\n    broadcasts: Events since the start\n    drops: Dropped connections: `slow stalled overflow failed shut error`, `no closing frame`\n    resets: Resets sent to subscribers that missed events\n    render_failures: Times that an element builder failed\n    replays: Clients that reconnected and read on from the log\n    frames: Frames sent\n    sends: Sends that they were joined into\n    bytes: Bytes sent\n    log_events: Events that can be replayed\n    log_bytes: Bytes of them, rendered frames included\n    retained_bytes: Bytes of retained events, of which the log has some too\n    backplane: `memory`, or an engine's state: `new`, `connecting`, `open`, `lost`, `closed`\n    buffered: Events that wait for the engine\n    lag_seconds: Age of the first event of `lag`",
        'frames_per_send': 'Returns:\n    0 before anything was sent; near 1 if subscribers keep up with single events',
    },
    'BroadcastManager': {
        '__init__': 'Args:\n    max_queue_size: Events that wait for one subscriber in memory; it reads further ones from the log\n    history_limit: Messages that `get_history` keeps\n    queue_timeout: Seconds that a queue may be full before its connection is dropped\n    debug: Whether connections and broadcasts are logged\n    backplane: Orders the events: None for this process, a URL, or an adapter\n    heartbeat_interval: Seconds of silence on a stream at most; 0 for no heartbeats\n    replay: Limits of the log\n    delivery: Limits on what is sent\n    capacity: Limits on connections\n    cluster: How to deal with an engine and other processes\n    clock: Seconds, for ages of events; or all time and chance',
        'send_to_user': 'Args:\n    user: The user, as `auth` or `identify` names them\n    message_type: Type of the message\n    data: Message data\n    metadata: Optional metadata\n    key: Replaces older events of this user and key that were not read yet\n    retain: Whether later connections get the newest event of this key\n    others: Whether to leave out the tab whose request causes the event\n    every: Seconds of which each sends one event of this key; None for all events\n\nReturns:\n    Number of connections of this process that took it',
        'revoke': 'Args:\n    user: The user, as `auth` or `identify` names them\n    topics: Topics and patterns; `**` for every topic\n\nReturns:\n    Streams restricted or ended, in all processes that answered within a second',
        'disconnect': 'Args:\n    where: `user`, `connection_id`, `topic`: a value or a list of values each; empty for all\n    reconnect: Whether the pages connect again\n\nReturns:\n    Streams ended, in all processes that answered within a second',
        'presence': 'Args:\n    topic: A topic; None for all connections\n\nReturns:\n    Over all processes',
        'announce_presence': 'Args:\n    topics: Topics and patterns\n    down_period: Seconds within which a user who returns has not left\n    interval: Seconds between two announcements at least\n    max_announced: Users of a topic beyond which only counts are sent\n    label: Makes what events contain for a user; None for the name',
        'send_to': 'Args:\n    connection_id: Target connection ID\n    message_type: Type of the message\n    data: Message data\n    metadata: Optional metadata\n\nReturns:\n    True if the connection took it; False if it is unknown, or full',
        'stream_to': 'Args:\n    topic: Topic of the events\n    source: Async or sync iterable, generator or queue, or a function (sync or async) that returns one\n    message_type: Type of the event for an item\n    end_type: Type of the last event, with `reason` and `items`; None for none\n    transform_fn: Changes an item first, sync or async; None skips the item\n    key: Replaces older items of this topic and key that were not read yet\n    retain: Whether new subscribers get the newest item of this key\n    every: Seconds of which each sends one item of this key; None for all items\n\nReturns:\n    Number of items sent',
        'broadcast': "Args:\n    message_type: Its type, the builder's first argument; with `named`, the event's name in the page\n    data: Its data, the builder's second argument\n    metadata: Optional metadata\n    exclude: Set of connection IDs to exclude from broadcast\n    topic: Its topic; None for all connections\n    key: Replaces older events of this topic and key that were not read yet\n    retain: Whether new subscribers get the newest event of this key\n    buffer: Whether to keep it while the engine takes none; None for the setting\n    others: Whether to leave out the tab whose request causes the event\n    every: Seconds of which each sends one event of this key; None for all events\n\nReturns:\n    Number of connections of this process that took it",
        'broadcast_nowait': 'Args:\n    message_type: Type of the message\n    data: Message data\n    metadata: Optional metadata\n    exclude: Ids of connections that do not get it\n    topic: Its topic; None for all connections\n    key: Replaces older events of this topic and key that were not read yet\n    retain: Whether new subscribers get the newest event of this key\n    others: Whether to leave out the tab whose request causes the event\n    every: Seconds of which each sends one event of this key; None for all events\n\nReturns:\n    Number of connections that took it',
        'broadcast_threadsafe': "Args:\n    message_type: Type of the message\n    data: Message data\n    metadata: Optional metadata\n    exclude: Ids of connections that do not get it\n    topic: Its topic; None for all connections\n    key: Replaces older events of this topic and key that were not read yet\n    retain: Whether new subscribers get the newest event of this key\n    buffer: Whether to keep it while the engine takes none; None for the setting\n    others: Whether to leave out the tab whose request causes the event\n    every: Seconds of which each sends one event of this key; None for all events\n\nReturns:\n    Of the number of connections; `.result()` waits, in any thread but the loop's own",
        'statistics': 'Returns:\n    Frozen; a new one at each call',
        'secret_key': 'Returns:\n    Of the application whose routes were set up last',
        'lock': 'Returns:\n    Not used by this package',
        'register': 'Args:\n    connection_id: Optional ID for the connection (auto-generated if not provided)\n    metadata: Optional metadata for the connection\n    topics: Topics and patterns that it receives besides what all connections do\n\nReturns:\n    Tuple of (connection_id, queue)',
        'unregister': 'Args:\n    connection_id: ID of the connection to unregister',
        'get_connection_count': 'Returns:\n    Number of active connections',
        'get_history': 'Args:\n    limit: Maximum number of messages to return, 0 or more; None for all\n\nReturns:\n    List of broadcast messages from history',
        'cursor': 'Returns:\n    For `create_sse_element(..., cursor=)`; empty before an engine was reached',
        'connections': 'Returns:\n    A new dictionary at each reading',
        'connection_metadata': 'Returns:\n    A new dictionary at each reading',
        'ready': 'Args:\n    last_event_id: The id that a client received last, perhaps from another process\n\nReturns:\n    The id to open its stream with',
        'survey': "Args:\n    kind: Which of the cluster's `handlers` to ask\n    payload: JSON\n    wait: Seconds to wait for other processes\n    to: One node; None for all\n\nReturns:\n    The answers, this process's first",
        'collect_info': "Args:\n    name: Which entry of the cluster's `node_info`\n\nReturns:\n    By node; at most one `report_interval` old",
        'get_total_connection_count': 'Returns:\n    At most one `report_interval` old',
    },
    'UserPresence': {
        '': 'Attributes:\n    connections: Streams, in all processes\n    tabs: Browser tabs that share them',
    },
    'Presence': {
        '': 'Attributes:\n    topic: The topic; None for all connections\n    users: By name\n    guests: Clients without a name\n    connections: Streams of all of them\n    tabs: Tabs of all of them',
        'user_count': 'Returns:\n    Each user once, guests included',
    },
    'StreamConfig': {
        '': 'Attributes:\n    heartbeat_interval: Seconds of silence before a heartbeat comment; 0 turns heartbeats off\n    timeout: Seconds until the stream is cut off; None for no limit\n    send_initial_message: Whether a comment is sent before the first item\n    initial_message: Text of that comment\n    send_close_message: Whether a comment is sent at the end\n    close_message: Text of that comment\n    debug: Whether the start and end of each stream are logged\n    close_event: Event after which a page does not reconnect; None: not sent',
    },
    'SSEStream': {
        '': 'Attributes:\n    config: The settings',
        '__init__': 'Args:\n    config: Settings; None for the defaults',
        'stream': "Args:\n    data_source: Async or sync iterable, generator or queue, or a function (sync or async) that returns one\n    transform_fn: Changes an item, sync or async; None leaves the item out\n\nReturns:\n    Frames, for a `StreamingResponse` or FastHTML's `EventStream`",
    },
    'OOBStreamBuilder': {
        '': 'Attributes:\n    elements: With their targets as attributes',
        'add_element': 'Args:\n    element: Element, text, or a list of them; never changed\n    target_id: Id of the element to swap; None adds `element` without a target\n    swap_mode: htmx swap mode, one of `SWAP_MODES`\n    wrap: Whether `element` is content for the target; False if it represents the target\n\nReturns:\n    The builder, for chaining',
        'add_elements': 'Args:\n    elements: Elements, or tuples of one to four parts: (element, target_id, swap_mode, wrap)\n\nReturns:\n    The builder, for chaining',
        'build': 'Returns:\n    A `Div` of all elements, even for one or none',
        'clear': 'Returns:\n    The builder, for chaining',
    },
    'Live': {
        '': 'Attributes:\n    manager: Orders the touches',
        '__init__': 'Args:\n    app: A FastHTML app\n    db: The database whose tables regions depend on: of fastlite, a connection, an engine, or a path\n    library: With a path: what the application opens it with, `sqlite3` or `apsw`\n    poll_interval: Seconds between two looks at the database where it cannot be watched\n    manager: Orders the touches; None for one of its own\n    prefix: URL prefix of its routes\n    allow_origins: Other sites whose pages may show regions\n    local: Where Idiomorph is, as in `sse_headers`; None: the CDN\n    max_views: Views that one client may have in this process; more get 429',
        'region': 'Args:\n    depends: Names, which may have arguments in braces, tables, or `live.presence(…)`\n    min_interval: Seconds between two renderings of a view at least, 0 or more\n    every: Seconds after which it is rendered again while somebody looks; None for never\n    timeout: Seconds after which a call has failed; the page then keeps what it shows\n\nReturns:\n    A decorator',
        'presence': 'Args:\n    room: Name of the room, which may have arguments in braces\n\nReturns:\n    For `region`',
        'Gone': 'Args:\n    content: Elements or text, shown in place of the region\n\nReturns:\n    For a region to return',
        'touch': 'Args:\n    names: Names that regions depend on\n\nReturns:\n    Each is done when its touch has its place; nothing needs to wait for it',
        'until': 'Args:\n    time: When the region changes: local or aware time, or seconds as of `time.time()`',
        'rows': 'Args:\n    table: A table of the database\n    where: Which rows: SQL; its `?` or `:name` are arguments of the call\n    order_by: Their order: SQL\n    limit: The most rows\n    empty: Element that is shown if there are none\n    min_interval: Seconds between two renderings of a view at least, 0 or more\n    timeout: Seconds after which a rendering has failed; the page then keeps what it shows\n\nReturns:\n    A decorator of a function of one row',
        'table': 'Args:\n    name: As it is in the schema\n\nReturns:\n    For `region` and `rows`',
        'connection': "Returns:\n    Of the application's library",
    },
    'Gone': {
        '': 'Attributes:\n    content: Elements or text',
        '__init__': 'Args:\n    content: Elements or text, shown in place of the region',
    },
    'Answer': {
        '': 'Attributes:\n    status: HTTP status\n    url: Path and query, after redirects\n    headers: Header fields\n    text: Body\n    error: What the handler raised',
        'json': 'Returns:\n    Raises `ValueError` for other text',
    },
    'Browser': {
        '__init__': 'Args:\n    world: The world that it belongs to\n    session: Session of the application\n    cookies: Further cookies\n    headers: Sent with each request',
        'tab': 'Args:\n    path: Path and query of the page\n    settings: As for `World.tab`: `worker`, `htmx`, `names`\n\nReturns:\n    The tab, once it is quiet',
        'send': 'Args:\n    worker: Worker that answers\n    method: Such as `POST`\n    url: Path and query\n    headers: Header fields, beside those of the browser\n    body: Body\n    on_message: Called with each part of the answer, and its end\n\nReturns:\n    Also if the line is down: it is then lost at once',
        'later': 'Args:\n    seconds: Of virtual time\n    call: Function without arguments',
        'fetch': 'Args:\n    worker: Worker that answers\n    method: Such as `POST`\n    url: Path and query\n    headers: Header fields, beside those of the browser\n    body: Body\n\nReturns:\n    The last of a chain of redirects',
    },
    'Broadcast': {
        '': "Attributes:\n    type: Type\n    data: Data, as the application gave it\n    topic: Topic; None for all subscribers\n    is_private: Whether it was sent to one user\n    id: Id in the log\n    when: Seconds of the world's clock\n    subscribers: How many took it, in all workers",
    },
    'TestEngine': {
        '__init__': 'Args:\n    store: `sqlite:///path` for a file; None for memory\n    time: Clock and chance',
        'adapter': 'Args:\n    number: Of the manager: each has a store of its own\n\nReturns:\n    For one worker',
        'go_away': 'Args:\n    worker: Number of the worker that cannot reach it; None for all',
        'refuse_writes': 'Args:\n    reason: Reason in the errors',
    },
    'TabEvent': {
        '': "Attributes:\n    id: Id in the log; None for one without an id\n    type: Name; empty for an event without a name\n    data: Text\n    when: Seconds of the world's clock\n    url: Path of the stream\n    element: Start tag of the element that received it",
    },
    'Problem': {
        '': 'Attributes:\n    kind: `handler`, `answer`, `builder`, `task`, `await`, `blocked`, `unshown`, `region`, `log`\n    text: What happened, and where\n    error: The exception, if there is one',
        'is_like': 'Args:\n    expected: Class of the exception, kind of the problem, or pattern for its text\n\nReturns:\n    Whether this problem is meant',
    },
    'Clock': {
        '__init__': 'Args:\n    world: World of which it is the time',
        'now': 'Returns:\n    Seconds since the world began',
        'time': 'Returns:\n    For an application, in place of `time.time`',
        'advance': 'Args:\n    seconds: How much time passes',
        'for_managers': 'Args:\n    loop: Loop whose time it is\n    chance: Source of random delays and names\n\nReturns:\n    All of time and chance',
    },
    'Server': {
        '__init__': 'Args:\n    world: World that it belongs to\n    source: Where each worker gets its application\n    count: Number of workers',
        'choose': 'Args:\n    number: Number of a worker; None for the next in turn\n\nReturns:\n    One that lives, if there is one',
        'kill': "Args:\n    worker: Its number\n    replace: Whether a new worker takes its place, as a server's parent process does",
    },
    'Tab': {
        '': 'Attributes:\n    events: All that it has received, of all pages',
        '__init__': 'Args:\n    world: World that it belongs to\n    browser: Browser that it is a tab of\n    worker: Worker that answers\n    htmx: Major version; None to find it in the page\n    names: Events that scripts of the page take',
        'dom': 'Returns:\n    The document, as it is now',
        'url': 'Returns:\n    Path and query of the page',
        'status': 'Returns:\n    HTTP status of the page',
        'state': 'Returns:\n    The worst state of its streams; None without streams',
        'resets': 'Returns:\n    Empty if nothing was missed',
        'texts': 'Args:\n    css: CSS selector\n\nReturns:\n    With single spaces',
        'values': 'Args:\n    css: CSS selector of inputs, selects and textareas\n\nReturns:\n    What a person sees in them, or has chosen',
        'html': 'Args:\n    css: CSS selector of one element\n\nReturns:\n    Without what htmx adds for its own use',
        'click': 'Args:\n    css: CSS selector of one element\n    confirm: Answer to `hx-confirm`',
        'fill': 'Args:\n    css: CSS selector of one input, select or textarea\n    value: What a person types or chooses; True or False for a checkbox\n    leave: Whether the person then leaves the field, since `change` happens only then',
        'submit': 'Args:\n    css: CSS selector of one form\n    confirm: Answer to `hx-confirm`\n    fields: Fields to fill in first, by name',
        'request': 'Args:\n    method: Such as `POST`\n    path: Path and query\n    fields: Fields of the form or of the query\n\nReturns:\n    As a script of the page would get it; nothing is swapped',
        'goto': 'Args:\n    path: Path and query of the page',
        'fetch': 'Args:\n    method: Such as `POST`\n    url: Path and query\n    headers: Header fields, beside those of the browser\n    body: Body\n\nReturns:\n    After redirects',
        'load': 'Args:\n    path: Path and query of the page\n    method: `GET`, or `POST` for a form\n    body: Fields of the form, encoded\n    kind: Content type of the body',
        'open_stream': 'Args:\n    owner: Subscription, or group of them, that reads it\n\nReturns:\n    Not connected yet',
    },
    'World': {
        '': 'Attributes:\n    clock: Its time\n    server: Its workers\n    engine: What several workers share',
        '__init__': "Args:\n    app: `'module:app'`, a function that makes the app, or the app\n    workers: Number of workers\n    engine: `sqlite:///path`, or None for one in memory where one is needed\n    seed: Of everything random: the same seed draws the same delays and names\n    block_limit: Seconds of real time that one callback may take\n    patience: Seconds of virtual time within which an answer must come",
        'take_over': 'Args:\n    worker: Worker that has not started',
        'cut_engine': 'Args:\n    worker: Worker that dies',
        'do': 'Args:\n    coroutine: Such as `manager.broadcast(…)`\n\nReturns:\n    Its result',
        'call': 'Args:\n    function: Function without arguments\n\nReturns:\n    Its result',
        'spawn': 'Args:\n    coroutine: What a page starts by itself',
        'app': 'Returns:\n    That of the first worker; raises `ValueError` if none runs',
        'browser': 'Args:\n    user: User: `auth` in the session\n    session: Session of the application\n    cookies: Cookies\n    headers: Sent with each request\n\nReturns:\n    Without tabs',
        'tab': 'Args:\n    path: Path and query of the page\n    worker: Number of the worker that answers; None for the next in turn\n    htmx: Major version; None to find it in the page\n    names: Events that scripts of the page take\n    who: As for `browser`: `user`, `session`, `cookies`, `headers`\n\nReturns:\n    Once its streams are open',
        'open_tab': 'Args:\n    browser: Browser in which it is opened\n    path: Path and query of the page\n    worker: Number of the worker that answers; None for the next in turn\n    htmx: Major version; None to find it in the page\n    names: Events that scripts of the page take\n\nReturns:\n    Once its streams are open',
        'settled': 'Args:\n    self: For what happens outside of verbs: in a thread of the test, or in another program',
        'expected': "Args:\n    kinds: Each an exception's class, a kind of `Problem`, or a pattern for its text\n\nReturns:\n    A context manager; it returns a list of the problems",
        'broadcasts': 'Args:\n    type: Type of the events; None for any\n    topic: Topic; None for any\n\nReturns:\n    In order',
        'assert_broadcasts': 'Args:\n    count: How many\n    type: Type of the events; None for any\n    topic: Topic; None for any\n\nReturns:\n    Filled at the end of the block',
        'assert_no_broadcasts': 'Returns:\n    `type` and `topic`, as for `assert_broadcasts`',
        'assert_in_step': 'Args:\n    tabs: Tabs that show the same; and then a CSS selector of what they share, or nothing for the whole body',
        'assert_fresh': 'Args:\n    tab: The tab\n    css: CSS selector of the part to compare; None for the whole body',
        'assert_private': 'Args:\n    tab: The tab that may not see it\n    text: The text',
    },
    'live': {
        '': "Args:\n    app: `'module:app'`, a function that makes the app, or the app\n    workers: Number of workers\n    engine: `sqlite:///path`, or None for one in memory where one is needed\n    settings: As for `World`: `seed`, `block_limit`, `patience`\n\nReturns:\n    A context manager",
    },
}
