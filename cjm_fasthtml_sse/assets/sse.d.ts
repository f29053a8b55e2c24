/** What the files offer to each other and to pages, as `window.cjmSSE`. `tsc --checkJs` reads this; browsers never see it. */
type State = "connecting" | "open" | "reconnecting" | "closed" | "denied";

/** One block of an event stream, with the fields that it has. */
interface Block { id?: string, event?: string, data?: string, retry?: number, topic?: string, comment?: string }

/** `id`: what it asks to go on from, however it says so. */
interface Request_ { url: string, headers: Record<string, string>, id: string }

/** What a manager's stream says first: the seconds between two heartbeats, the id from which it goes on, how many topics it was asked for, and those that it gives. */
interface Opening { heartbeat?: number, from?: string | null, asked?: number, topics?: string[] }

/** What a stream asks its owner, and tells it. */
interface Handlers {
  request(): Request_;
  /** A stream has begun; its owner may close it here. */
  onopen(response: Response, opening?: Opening): void;
  onblocks(blocks: Block[]): unknown;
  /** The page may read nothing while a navigation of it is under way. */
  onheld?(): void;
  /** `status` comes with each failure: the answer's, or 0 where there was none. */
  onstate(state: State, status?: number): void;
}

interface Stream {
  readonly state: State;
  close(): void;
  /** Try at once what is down. */
  now(): void;
  /** Leave a line that should have been heard. */
  check(): void;
}

/** What somebody asks the group's stream for. */
interface Wish { topics: string[], signed: string[] }

/** A leader's stream, on `topics`, of which it is `granted` some. `gap`: it was told of a reset and has not caught up yet. `decision`: another each time that the server has decided anew what its tabs may hear. `left`: it was ended for some topics. */
interface Main extends Wish { stream: Stream, granted: string[], tabs: number, tag: string, gap: boolean, decision: number, left?: boolean }

/** What a leader says that it relays: all of `topics`, which is what it was granted of what it `asked` for, later than `floor`, for the user `tag`. `narrowed`: a right was taken. */
interface Cover extends Wish { asked: string[], tag: string, decision: number, floor: string, fresh: boolean, narrowed: boolean }

interface Wanted {
  url: string;
  headers: Record<string, string>;
  /** Whether it may be shared with other tabs. */
  share: boolean;
  /** The newest id seen before. */
  cursor: string;
  onevent(block: Block): void;
  onstate(state: State, status?: number): void;
  /** Other topics than before are refused. */
  ondenied?(): void;
  /** Ask once more for what was refused. */
  again?(): void;
}

interface Subscription {
  readonly state: State;
  readonly topics: string[];
  /** The topics that were asked for and may not be heard. */
  readonly denied: string[];
  readonly cursor: string;
  /** Whether the server ended it for good. */
  readonly ended: boolean;
  close(end?: State, status?: number, ended?: boolean): void;
  /** Let go until `resume`. */
  pause(): void;
  resume(): void;
  /** Try at once what is down. */
  now(): void;
}

/** How an adapter hears an element's stream. */
interface Sink {
  headers?: Record<string, string>;
  sink(block: Block): void;
  onstate(state: State, status?: number): void;
  /** Have htmx ask anew where it has given the element up; false where it has not. */
  reopen?(): boolean;
}

interface Attached extends Sink {
  elt: Element;
  url: string;
  subscription: Subscription;
  /** Something was missed and not made good yet. */
  stale: boolean;
  refreshing?: boolean;
  /** When it was last refreshed, by `performance.now()`. */
  refreshed?: number;
  /** Until it may be refreshed for what could not be shown. */
  calming?: ReturnType<typeof setTimeout>;
  /** What arrives during a refresh. */
  held?: Block[];
  /** End a refresh that takes too long. */
  giveUp?(): void;
  /** Who asked to refresh it was sent elsewhere: it is refreshed when it may be. */
  barred?: boolean;
  /** The last event is the one by which htmx ends the stream. */
  ending?: boolean;
  /** Told to an adapter that has been replaced. */
  left?(): void;
}

interface SSE {
  // stream.js
  policy: { least: number, first: number, most: number, interval: number, maxRetries: number, debug: boolean };
  /** Milliseconds until the next try. */
  delay(tries: number, retry?: number): number;
  isLater(id: string, than: string): boolean;
  /** JSON, or an empty object for what is none. */
  parse(text?: string): any;
  /** Whether the id goes into the query too: a header was lost on the way. */
  asksByQuery?: boolean;
  /** When a navigation began, by `performance.now()`. */
  leaving?: number;
  parser(): (text: string) => Block[];
  stream(handlers: Handlers): Stream;
  // hub.js
  sharing: { on: boolean };
  hears(topics: string[], topic: string): boolean;
  subscribe(wanted: Wanted): Subscription;
  subscriptions: Set<Subscription>;
  look(): void;
  userChanged(tag: string): void;
  // page.js
  /** Selector of the elements that connect. */
  CONNECTS: string;
  /** Those of them under `root`, or in the whole page. */
  elements(root?: ParentNode): Element[];
  /** Whether a stream is open, or about to be opened. */
  isLive(elt: Element): boolean;
  /** Whether the server ended the stream for good. */
  isEnded(elt: Element): boolean;
  /** Open again what is not open now, going on from the newest id seen. */
  open(elt: Element): void;
  /** End the stream, until `open` is called. */
  close(elt: Element): void;
  attach(elt: Element, url: string, sink: Sink): Attached;
  // htmx.js
  /** Hear an event of htmx anywhere in the page, in both spellings of htmx 4. */
  on(name: string, handle: (event: any) => void, capture?: boolean): void;
  swap(elt: Element, text: string, style: string): Promise<void>;
  /** Whether htmx has asked for a stream. */
  asked?: boolean;
  // teach.js, which a page may not have
  /** A stream has not begun for long. */
  late?(url: string): void;
  /** Something else is wrong: tabs cannot share (`alone`, and why), topics do not arrive (`topics`), two elements have one id (`twice`, which). */
  wrong?(what: "alone" | "topics" | "twice", detail?: unknown): void;
  // stats.js
  manage(settings: { endpoint: string, interval: number, debug: boolean }): void;
}

interface Window { cjmSSE: any; htmx: any }
declare const htmx: any;
