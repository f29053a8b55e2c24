/** The public part of the browser's script: what a page may call on `window.cjmSSE`. `internal.d.ts` has the rest. */
type State = "connecting" | "open" | "reconnecting" | "closed" | "denied";

/** One block of an event stream, with the fields that it has. */
interface Block { id?: string, event?: string, data?: string, retry?: number, topic?: string, echo?: string, comment?: string }

interface SubscriptionOptions {
  url: string;
  headers: Record<string, string>;
  /** Whether other tabs may share the connection. */
  share: boolean;
  /** The newest id that the page already has, or an empty string. */
  cursor: string;
  onevent(block: Block): void;
  /** `status` is given for each failure: the response's, or 0 without a response. */
  onstate(state: State, status?: number): void;
  /** The denied topics have changed. */
  ondenied?(): void;
  /** The subscription has all that the server sent before. What was sent on another way until now may be lost. */
  oncaughtup?(): void;
  /** The server has decided anew about a denied subscription. By default, it is resumed. */
  onretry?(): void;
}

interface Subscription {
  readonly state: State;
  /** The requested topics. */
  readonly topics: string[];
  /** The requested topics that the server does not grant. */
  readonly denied: string[];
  /** The newest id seen. */
  readonly cursor: string;
  /** The tag of the user, as in the header `SSE-User`; empty without one. */
  readonly tag: string;
  /** Whether the server ended the stream for good. */
  readonly ended: boolean;
  /** Whether the subscription follows another stream, of this tab or another. */
  readonly isRelayed: boolean;
  close(): void;
  /** Close all connections until `resume`. */
  pause(): void;
  resume(): void;
  /** Retry a broken connection immediately. */
  reconnectNow(): void;
}

interface SSE {
  /** The random name of this tab. htmx sends it in the header `SSE-Tab`, and so can a script that uses `fetch`. */
  tabId: string;
  /** Open a subscription in a script, without an element. */
  subscribe(options: SubscriptionOptions): Subscription;
  /** The subscriptions of this tab that are not closed. */
  subscriptions: Set<Subscription>;
  /** The connecting elements under `root`, or in the whole page. */
  elements(root?: ParentNode): Element[];
  /** Whether an element's stream is open or will be. */
  isLive(elt: Element): boolean;
  /** Whether the server ended an element's stream for good, or `close` did. */
  isEnded(elt: Element): boolean;
  /** Open an element's stream again, from the newest id seen, unless it is open. */
  open(elt: Element): void;
  /** Close an element's stream until `open` is called. */
  close(elt: Element): void;
  /** Swap HTML into an element with either version of htmx. */
  swap(elt: Element, text: string, style: string): Promise<void>;
}
