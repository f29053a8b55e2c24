/**
 * What only the browser knows: whether the page's stream is open. And when the server says that the page has missed
 * something (`sse-reset`, as after a restart), the page is loaded anew.
 */
(() => {
  "use strict";
  const STATES = {live: "Live", connecting: "Connecting…"};
  const EVENTS = {  // of htmx 2 and of htmx 4
    live: ["htmx:sseOpen", "htmx:sse:after:connection"],
    connecting: ["htmx:sseError", "htmx:sse:error", "htmx:sse:before:connection"],
  };

  /** @param {"live" | "connecting"} state */
  function tell(state) {
    const elt = document.querySelector("#state");
    elt.dataset.state = state;
    elt.textContent = STATES[state];
  }

  for (const [state, names] of Object.entries(EVENTS)) {
    for (const name of names) cjmSSE.on(name, ({target}) => { if (target.id === "stream") tell(state); });
  }
  cjmSSE.on("htmx:sseMessage", ({detail}) => { if (detail.type === "sse-reset") location.reload(); });
  cjmSSE.on("sse-reset", () => location.reload());
})();
