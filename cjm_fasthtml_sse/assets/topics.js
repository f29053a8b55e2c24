/**
 * Topics, marks and the URLs of streams. These functions keep no state.
 */
(() => {
  "use strict";
  /** @type {Internals} */
  const sse = window.cjmSSE;
  if (sse.isLoaded) return;

  const OPTIONS = ["topic", "last_event_id", "tabs", "signed"];  // parameters in which the members of a group may differ

  /** @type {Internals["matches"]} */
  const matches = sse.matches = (pattern, topic) => pattern === topic ||
    (pattern.endsWith("*") && topic.startsWith(pattern.replace(/\*+$/, "")) &&
      (pattern.endsWith("**") || !topic.slice(pattern.length - 1).includes("/")));

  /** @type {Internals["matchesAny"]} */
  sse.matchesAny = (patterns, topic) => patterns.some(pattern => matches(pattern, topic));

  /** @type {Internals["includesAll"]} */
  const includesAll = sse.includesAll = (whole, part) => part.every(each => whole.includes(each));

  /** @type {Internals["covers"]} */
  sse.covers = (whole, part) => includesAll(whole.topics, part.topics) && includesAll(whole.signed, part.signed);

  /** @type {Internals["mergeRequests"]} */
  sse.mergeRequests = requests => {
    const merge = (/** @type {"topics" | "signed"} */ name) => [...new Set(requests.flatMap(each => each[name]))].sort();
    return {topics: merge("topics"), signed: merge("signed")};
  };

  /** @type {Internals["closesTopics"]} */
  sse.closesTopics = ({event, data}, wanted) => {
    if (event !== "sse-close") return false;
    const {topics} = sse.parseJSON(data);
    return !Array.isArray(topics) || topics.some(topic => wanted.some(pattern => matches(pattern, topic) || matches(topic, pattern)));
  };

  /** @type {Internals["isGap"]} A reset for an event that could not be rendered replaces that event, so nothing else is missing. */
  const isGap = sse.isGap = ({event, data}) => event === "sse-reset" && sse.parseJSON(data).reason !== "render";

  /** @type {Internals["isMark"]} */
  sse.isMark = block => block.id !== undefined && (block.data === undefined || isGap(block));

  /** @type {Internals["splitURL"]} */
  sse.splitURL = (address, cursor) => {
    const url = new URL(address, document.baseURI);
    url.hash = "";
    const query = url.searchParams, base = new URL(url);
    const topics = [...new Set(query.getAll("topic"))];
    for (const name of OPTIONS) if (name !== "signed" || topics.length) base.searchParams.delete(name);
    const mayShare = url.origin === location.origin && !query.has("connection_id");
    return {url, topics, signed: topics.length ? query.getAll("signed") : [], cursor: cursor || query.get("last_event_id") || "", key: base.href, mayShare};
  };

  /** @type {Internals["requestTopics"]} */
  sse.requestTopics = (base, {topics, signed, tabs}, id) => {
    const url = new URL(base);
    for (const topic of topics) url.searchParams.append("topic", topic);
    for (const token of signed) url.searchParams.append("signed", token);
    if (tabs > 1) url.searchParams.append("tabs", /** @type {any} */ (tabs));
    return sse.requestFrom(url, id, {});
  };

  /** @type {Internals["requestFrom"]} A header leaves the URL as it is. Across origins, any header would need a preflight request. */
  sse.requestFrom = (url, id, headers) => {
    const isSameOrigin = url.origin === location.origin;
    const byHeader = isSameOrigin && /^[\x20-\x7e]+$/.test(id);
    if (id && (!byHeader || sse.asksByQuery)) url.searchParams.set("last_event_id", id);
    return {url: url.href, id, headers: {Accept: "text/event-stream", ...isSameOrigin && {...headers, "SSE-Version": sse.VERSION, "SSE-Tab": sse.tabId}, ...byHeader && {"Last-Event-ID": id}}};
  };

  /** @type {Internals["lostTopics"]} */
  sse.lostTopics = (topics, opening) => {
    if (!(/** @type {number} */ (opening?.asked) < topics.length)) return false;
    sse.warn?.("topics");
    return true;
  };
})();
