/** What sse.js offers to the other scripts, as `window.cjmSSE`. `tsc --checkJs` reads this; browsers never see it. */
interface SSE {
  /** Selector of the elements that connect. */
  CONNECTS: string;
  /** Those of them under `root`, or in the whole page. */
  elements(root?: ParentNode): Element[];
  /** Whether a stream is open, or htmx or the browser is about to open it. */
  isLive(elt: Element): boolean;
  /** Whether the server ended the stream for good. */
  isEnded(elt: Element): boolean;
  /** Open again what htmx has opened before and is not live now, going on from the newest id seen. */
  open(elt: Element): void;
  /** End the stream, until `open` is called. */
  close(elt: Element): void;
  /** Hear an event of htmx anywhere in the page, in both spellings of htmx 4. */
  on(name: string, handle: (event: any) => void): void;
  /** The source that htmx 2's extension reads. */
  sourceOf(elt: any): EventSource | undefined;
  /** reconnect.js */
  reconnect?(settings: {checkInterval: number, maxRetries: number, debug: boolean}): void;
  /** stats.js */
  manage?(settings: {endpoint: string, interval: number, debug: boolean}): void;
  /** Whether cleanup.js is there. */
  leaves?: boolean;
}

interface Window { cjmSSE: any; htmx: any }
declare const htmx: any;
