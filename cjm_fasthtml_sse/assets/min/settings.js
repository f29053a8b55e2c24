(()=>{"use strict";const s=window.cjmSSE,{share:t,retry:e,stats:a}=JSON.parse(document.currentScript?.dataset.sse||"{}");void 0!==t&&(s.sharing.on=t),
e&&Object.assign(s.policy,e),a&&s.manage(a)})();
