(()=>{"use strict";const t=window.cjmSSE??={};if(window.cjmSSE.manage)return
;const e=new Map,n=(t,e)=>e.split(".").reduce((t,e)=>null!=t&&Object.hasOwn(t,e)?t[e]:void 0,t);t.manage=({endpoint:t,interval:o,debug:a})=>{e.get(t)?.()
;const s=new AbortController;let i,r=!1;async function c(){if(clearTimeout(i),r||document.hidden||s.signal.aborted)return;r=!0
;const e=new AbortController,d=setTimeout(()=>e.abort(),Math.max(o,5e3));try{const o={Accept:"application/json"},a=await fetch(t,{headers:o,cache:"no-store",
signal:e.signal});if(!a.ok)throw new Error(`status ${a.status}`);const i=await a.json();s.signal.aborted||function(t){
for(const e of document.querySelectorAll("[data-sse-stats]")){const o=n(t,e.getAttribute("data-sse-stats")||"total")
;"number"!=typeof o&&"string"!=typeof o||(e.textContent=String(o))}document.dispatchEvent(new CustomEvent("sse:stats",{detail:t}))}(i)}catch(e){
a&&console.debug(`sse: no stats from ${t}`,e)}finally{clearTimeout(d),r=!1}s.signal.aborted||(i=setTimeout(c,o))}const d={signal:s.signal}
;document.addEventListener("visibilitychange",c,d),document.addEventListener("DOMContentLoaded",c,d),e.set(t,()=>{s.abort(),clearTimeout(i)}),
"loading"!==document.readyState&&c()}})();
