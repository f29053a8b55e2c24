/** What the files of the script offer to each other on `window.cjmSSE`. Only `tsc --checkJs` reads this. */

/** `id` is the id from which the request continues, in a header or in the query. */
interface StreamRequest { url: string, headers: Record<string, string>, id: string }

/** The opening comment of a manager's stream: seconds between heartbeats, the id from which it continues, the number of requested topics, and the granted topics. */
interface Opening { heartbeat?: number, from?: string | null, asked?: number, topics?: string[] }

interface Handlers {
  request(): StreamRequest;
  /** The stream is open. The handler may close it. */
  onopen(response: Response, opening?: Opening): void;
  onblocks(blocks: Block[]): unknown;
  /** A navigation keeps the page from reading. */
  onpaused?(): void;
  onstate(state: State, status?: number): void;
}

interface Stream {
  readonly state: State;
  close(): void;
  reconnectNow(): void;
  /** Reconnect if the connection is silent. The timers of a hidden page are slow, so another tab may ask for this. */
  check(): void;
}

interface TopicRequest { topics: string[], signed: string[] }

/**
 * A stream of the leader. `hasGap`: it got a reset and has not caught up. `decision`: another value after each new decision
 * of the server about the tabs. `isEnded`: the server ended it for some topics. `isBehind`: it has not sent all that the server
 * had when it was opened.
 */
interface GroupStream extends TopicRequest {
  stream: Stream, granted: string[], tabs: number, tag: string, hasGap?: boolean, isBehind?: boolean, decision?: number, isEnded?: boolean }

/**
 * What a leader relays: all events of `topics`, the granted ones of those `asked` for, later than `floor`, for the user
 * `tag`. `isFresh`: after a gap, or for another user. `isNarrowed`: a topic was revoked.
 */
interface Coverage extends TopicRequest { asked: string[], tag: string, decision?: number, floor: string, isFresh: boolean, isNarrowed: boolean }

interface ElectionCallbacks {
  /** This tab leads. */
  onLead(): void;
  /** This tab leads no longer, or is about to stop. */
  onStepDown(): void;
  /** The lock was stolen, and this tab waits for it again. */
  onStolen(): void;
  /** The leader is silent: ask it for a message. */
  onSilence(): void;
  /** Some seconds have passed, whether the leader is silent or not. */
  onWatch(): void;
  /** The browser does not grant locks. */
  onFailure(): void;
}

interface Election {
  readonly term: number;
  readonly isLeader: boolean;
  start(): void;
  stop(): void;
  stepDown(): void;
  onLeaderMessage(term: number): boolean;
  watchLeader(): void;
}

interface Leader {
  main: GroupStream | undefined;
  readonly needsStream: boolean;
  start(): void;
  stop(): void;
  onMember(tab: string, topicRequest: TopicRequest): void;
  onBye(tab: string): void;
  openFirstStream(): void;
  promote(subscription: InternalSubscription, tag: string): void;
  resubscribe(ms?: number): void;
  reopen(): void;
  read(main: GroupStream, blocks: Block[]): void;
  reconnectNow(): void;
}

interface Group {
  readonly key: string;
  readonly subscriptions: Set<InternalSubscription>;
  readonly coverage: Coverage | undefined;
  readonly lastId: string;
  readonly state: State;
  readonly isSlow: boolean;
  readonly isLeader: boolean;
  readonly leader: Leader;
  readonly election: Election;
  add(subscription: InternalSubscription): void;
  remove(subscription: InternalSubscription): void;
  topicRequest(): TopicRequest;
  advanceTo(id?: string): void;
  sendToTabs(message: any): void;
  onMessage(message: any): void;
  checkUser(): void;
  verifyUser(tag?: string): void;
  reconnectNow(): void;
}

interface Follower {
  readonly isRelayed: boolean;
  clearCoverage(): void;
  onCoverage(coverage: Coverage): void;
  onCaughtUp(group: Group): void;
  receiveRelayed(events: Block[]): void;
  receiveLate(events: Block[], at: number): void;
}

interface InternalSubscription extends Subscription {
  /** The server's name for this tab, which events have that this tab causes. */
  echo: string | null;
  readonly key: string;
  readonly signed: string[];
  readonly granted: string[];
  readonly follower: Follower;
  readonly group: Group | undefined;
  own: { stream: Stream, handlers: Handlers } | undefined;
  onretry(): void;
  oncaughtup?(): void;
  close(end?: State, status?: number, ended?: boolean): void;
  mirror(status?: number): void;
  take(block: Block): void;
  grant(topics: string[]): void;
  openOwn(): void;
  closeOwn(): void;
  runLater(call: () => void, ms: number): void;
  detach(): void;
}

/** How an adapter receives an element's stream. */
interface Sink {
  headers?: Record<string, string>;
  sink(block: Block): void;
  onstate(state: State, status?: number): void;
  /** Let htmx make a new request if it has dropped the element; false if it has not. */
  reopen?(): boolean;
  /** Called for a reset, in place of a refresh. */
  onreset?(entry: Attached, block: Block): void;
  /** The element has all that the server sent before; what was sent on another way until now may be lost. */
  oncaughtup?(): void;
}

interface Attached extends Sink {
  elt: Element;
  url: string;
  subscription: Subscription & { close(end?: State, status?: number, ended?: boolean): void };
  /** Events were missed, and the element was not refreshed since. */
  isStale: boolean;
  isRefreshing?: boolean;
  /** The time of the last refresh, by `performance.now()`. */
  refreshedAt?: number;
  /** The newest id in the last refresh. */
  seen?: string;
  /** The timer of a delayed refresh. */
  delay?: ReturnType<typeof setTimeout>;
  /** Blocks that arrive during a refresh. */
  held?: Block[];
  cancelRefresh?(): void;
  /** The topics that the stream has lacked since the last refresh began, and `""` if these are not known. Before the first refresh, undefined. */
  lacked?: Set<string>;
  /** The last event is the one at which htmx ends the stream. */
  isEnding?: boolean;
  /** Called for an adapter that is replaced. */
  onreplaced?(): void;
}

interface Internals extends SSE {
  // parse.js
  /** JSON, or an empty object if `text` is not valid JSON. */
  parseJSON(text?: string): any;
  createParser(): (text: string) => Block[];
  /** Whether `id` is later than another, or of another epoch. */
  isLater(id: string, than: string): boolean;
  // retry.js
  policy: { minDelay: number, firstDelay: number, maxDelay: number, interval: number, maxRetries: number, debug: boolean };
  /** Milliseconds until the next attempt. `retry` is the server's own delay. */
  chooseDelay(tries: number, retry?: number): number;
  /** The delay of `Retry-After` in ms, plus up to a quarter of jitter. */
  readRetryAfter(response: Response): number | undefined;
  // stream.js
  openStream(handlers: Handlers): Stream;
  /** Whether the query contains the id as well, because a header was lost on the way. */
  asksByQuery?: boolean;
  /** When a navigation began, by `performance.now()`. */
  leaving?: number;
  // topics.js
  matches(pattern: string, topic: string): boolean;
  matchesAny(patterns: string[], topic: string): boolean;
  includesAll(whole: string[], part: string[]): boolean;
  covers(whole: TopicRequest, part: TopicRequest): boolean;
  /** The topics and tokens of all, sorted. */
  mergeRequests(requests: TopicRequest[]): TopicRequest;
  /** Whether a block is an `sse-close`, for one of the `wanted` topics, or for all subscribers. */
  closesTopics(block: Block, wanted: string[]): boolean;
  /** Whether events are missing at this block. */
  isGap(block: Block): boolean;
  /** Whether the server has sent everything up to this block: an id without data, or a reset with an id. */
  isMark(block: Block): boolean;
  /** The parts of a stream's URL. `key` is the URL without the parameters in which the members of a group may differ. */
  splitURL(address: string, cursor: string): { url: URL, key: string, topics: string[], signed: string[], cursor: string, mayShare: boolean };
  requestTopics(base: string, topicRequest: TopicRequest & { tabs: number }, id: string): StreamRequest;
  requestFrom(url: URL, id: string, headers: Record<string, string>): StreamRequest;
  /** Whether topics of the request have not reached the server. */
  lostTopics(topics: string[], opening?: Opening): boolean;
  // tabs.js
  VERSION: string;
  sharing: { on: boolean };
  /** Call code of the page, and log its errors. */
  attempt(call: () => void): void;
  tabs: {
    readonly canShare: boolean;
    readonly tabId: string;
    readonly groups: Map<string, Group>;
    readonly denied: Set<InternalSubscription>;
    lockName(name: string): string;
    isFromLeader(message: any): boolean;
    isTopicRequest(message: any): boolean;
    /** Become one of the tabs; false if the browser does not allow it. */
    join(): Promise<boolean>;
    /** Close the channel, unless a group or a denied subscription needs it. */
    leave(): void;
    findAlive(): Promise<(tab: string) => boolean>;
    post(message: any): void;
  };
  /** Let the other tabs check their user. A page without a stream calls this, such as the sign-in page after signing out. */
  askUserCheck(): void;
  /** A response was for the user `tag`. */
  userChanged(tag: string): void;
  // election.js, leader.js, group.js, follower.js
  Election: new (lock: string, callbacks: ElectionCallbacks) => Election;
  Leader: new (group: Group) => Leader;
  joinGroup(subscription: InternalSubscription): void;
  Follower: new (subscription: InternalSubscription) => Follower;
  // page.js
  /** Selector of the elements that connect. */
  CONNECTS: string;
  attach(elt: Element, url: string, sink: Sink): Attached;
  isAttached(entry: Attached): boolean;
  showState(entry: Attached, status?: number): void;
  deliver(entry: Attached, block: Block): void;
  // refresh.js
  onReset(entry: Attached, block: Block): void;
  /** Refresh an element from `data-sse-refresh`, or reload the page if that is empty. */
  startRefresh(entry: Attached): void;
  // htmx.js
  /** Listen to an event of htmx anywhere in the page, in both spellings of htmx 4. */
  on(name: string, handle: (event: any) => void, capture?: boolean): void;
  is4(): boolean;
  /** An attribute, with or without `data-` in front. */
  attribute(elt: Element, name: string): string | null;
  /** The events that an element swaps. */
  swappedEvents(elt: Element): string[] | undefined;
  /** The out-of-band elements of `html`, or null if it has other content than these in empty wrappers. */
  onlyOutOfBand(html: string): string[] | null;
  /** Name this tab in a request to the own server, which can then leave the tab out of the events that the request causes. */
  nameTab(address: string, headers: Record<string, string>): void;
  // htmx2.js
  /** Whether htmx has asked for a stream. */
  isAsked?: boolean;
  // teach.js, which a page may leave out
  /**
   * Warn about a stream that has not begun after a while (`late`, and its URL), tabs that cannot share (`alone`, and why),
   * topics that are lost on the way (`topics`), or two elements with one id (`twice`, and the id). Note each event of an
   * element (`event`, and the block), to find those that the page does not show.
   */
  warn?(kind: "late" | "alone" | "topics" | "twice" | "event", detail?: any, entry?: Attached): void;
  /** Log a warning once for each `kind`; `anchor` is a heading of the page about troubleshooting. */
  teach(kind: string, text: string, anchor: string): void;
  // unshown.js
  /** Note an event's name, and look later at all names of its stream. */
  noteEvent?(block: Block, entry: Attached): void;
  // merge.js and morph.js, which a page may leave out
  /** Whether the page has them. */
  canMorph?: boolean;
  /** Note the attributes of an element and of all in it as the server's last word. */
  noteBase(elt: Element): void;
  /** Note the elements that have no such note, and return them without those inside others. */
  noteNew(elt: Element): Element[];
  /** Note the text of an element that has no elements in it. */
  noteText(elt: Element): void;
  /** Hold values, focus and scroll positions in `root`; returns a function that gives them back after a merge. */
  holdPage(root: Element): () => void;
  /** Merge the attributes of two matched elements. `isDone`: the content stays. `isRead`: htmx has to read the element again. */
  mergeNode(old: Element, theirs: Element): { isDone: boolean, isRead: boolean };
  /**
   * Merge `html` into `elt`, with `outer` into the element itself. `unchanged`: ids of elements that `html` has as empty
   * stubs. They keep their content and attributes, and get the stub's place.
   */
  morph(elt: Element, html: string, options?: { outer?: boolean, unchanged?: Set<string> }): Promise<void>;
  // live.js
  /** Whether an earlier script element has defined the regions. */
  hasLive?: boolean;
  /** Whether both elements are the same view. A region inside another one is kept by its own renderings. */
  isSameView?(old: Element, theirs: Element): boolean;
  // stats.js
  polls?: Map<string, () => void>;
  // settings.js
  /** Whether an earlier script element has defined all of this. */
  isLoaded?: boolean;
}

interface Window { cjmSSE: any; htmx: any; Idiomorph: any }
declare const htmx: any;
