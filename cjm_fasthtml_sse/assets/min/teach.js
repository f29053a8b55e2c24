(()=>{"use strict";const e=window.cjmSSE;if(!e||e.late)return;const t=new Set,s=new WeakSet,o=(e,s,o)=>{t.has(e)||(t.add(e),
console["twice"===e?"error":"warn"](`cjm-fasthtml-sse: ${s} See https://cj-mills.github.io/cjm-fasthtml-sse/explains/troubleshooting.html#${o}`))};function n(){
if(!e.elements().filter(e=>!e.matches("[hx-trigger], [data-hx-trigger]")).length||e.asked||e.elements().some(e=>e.hasAttribute("data-sse-state")||s.has(e)))return
;const t=window.htmx?.version??"",n=parseInt(t)
;t?n<2?o("old",`This page has htmx ${t}; streams need htmx 2 or 4.`,"no-htmx-or-an-old-one"):o("extension",`htmx ${t} has no extension for streams on this page, so nothing reads them. Put sse_headers(${n}) into the app's hdrs.`,"no-extension"):o("htmx","An element of this page reads a stream, but there is no htmx that could do it. FastHTML brings htmx unless it is told htmx=False.","no-htmx-or-an-old-one")
}function a(e){const t=e.getAttribute("hx-swap-oob")??e.getAttribute("data-hx-swap-oob")??""
;if(!t.startsWith("delete"))return t.includes(":")?t.match(/:#([\w-]+)$/)?.[1]:e.id}function h(e){if(!e?.includes("hx-swap-oob"))return
;const t=document.createElement("template");t.innerHTML=e
;const s=[t,...t.content.querySelectorAll("template")].map(e=>e.content).flatMap(e=>[...e.querySelectorAll("[hx-swap-oob], [data-hx-swap-oob]")]).map(a).filter(e=>e&&!document.getElementById(e))
;s.length&&setTimeout(()=>{
for(const e of s)document.getElementById(e??"")||o(`#${e}`,`An event was for the element with the id "${e}", which is not on this page, so it shows nothing. This is told once.`,"no-element-with-that-id")
},1e3)}e.late=e=>{
o("late",`The stream ${e} has not begun after 10 s. A proxy that collects answers does this; so does a seventh tab over HTTP/1.1.`,"nothing-for-a-long-time")},
e.wrong=(e,t)=>{
"alone"===e?o(e,`This browser does not let tabs share a connection (${t}), so each has its own. It may be set to keep no site data.`,"tabs-that-do-not-share"):o(e,"topics"===e?"Topics that this page asks for do not reach the server, which does not send them. A proxy takes them out of the URL.":`Two elements of this page have the connection_id ${t}. It names one stream, so one of them ends or is refused. Give each its own, or none.`,"no-access")
},e.on("htmx:sse:before:connection",({target:e})=>s.add(e),!0),e.on("htmx:sseBeforeMessage",({detail:e})=>h(e.data),!0),
e.on("htmx:sse:before:message",({target:e,detail:{message:t}})=>{t&&function(e,t){if("message"===t)return!1
;const s=[e,...e.querySelectorAll("[sse-swap], [data-sse-swap]")].map(e=>e.getAttribute("sse-swap")??e.getAttribute("data-sse-swap")).filter(e=>null!==e)
;return s.length?s.some(e=>e?.split(",").some(e=>e.trim()===(t||"message"))):!t}(e,t.event)&&h(t.data)},!0),addEventListener("load",()=>setTimeout(n,2e3))})();
