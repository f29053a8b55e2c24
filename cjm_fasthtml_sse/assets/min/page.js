(()=>{"use strict";const e=window.cjmSSE;if(window.cjmSSE.attach)return
;const t=e.CONNECTS=["sse-connect","hx-sse-connect","hx-sse\\:connect"].map(e=>`[${e}], [data-${e}]`).join(),n=["denied","stale","reconnecting","connecting","open","closed"],s=performance.getEntriesByType("navigation").some(e=>"reload"===e.type),o=new Map,i=e.elements=(e=document)=>[...e.querySelectorAll(t)]
;e.isLive=e=>!["closed","denied",void 0].includes(o.get(e)?.subscription.state),e.isEnded=e=>Boolean(o.get(e)?.subscription.ended),
e.close=e=>o.get(e)?.subscription.close(),e.open=e=>{const t=o.get(e);t?.reopen?.()||t?.subscription.now()}
;const r=({stale:e,subscription:{state:t,denied:n,topics:s}})=>"open"!==t?t:n.length&&n.length===s.length?"denied":e?"stale":t;function a(e,t){
const{elt:n}=e,s=r(e);n.getAttribute("data-sse-state")!==s&&(n.setAttribute("data-sse-state",s),n.dispatchEvent(new CustomEvent("sse:state",{bubbles:!0,detail:{
state:s,status:t}}))),u()}function c({elt:e,subscription:{denied:t}}){
t.length?e.setAttribute("data-sse-denied",t.join(" ")):e.removeAttribute("data-sse-denied")}let d;function u(){
const e=new Set([...o.values()].map(r)),t=n.find(t=>e.has(t)),s=document.documentElement
;t?s.setAttribute("data-sse-state",t):s.removeAttribute("data-sse-state"),clearTimeout(d),"open"===t?l():d=setTimeout(l,500)}function l(){
const e=document.documentElement.getAttribute("data-sse-state"),t=[...o.values()].some(e=>e.refreshing||e.calming)
;for(const n of e?document.querySelectorAll("[data-sse-indicator]"):[]){
const s=n.getAttribute(`data-${e}`)??"",o="stale"===e&&!t&&n.getAttribute("data-reload")||"";if(n.setAttribute("data-sse-state",e??""),
n.textContent===s+(o&&` ${o}`))continue;if(n.textContent=s,!o)continue;const i=document.createElement("button");i.type="button",i.textContent=o,
i.onclick=()=>location.reload(),n.append(" ",i)}}const b=e=>new URL(e,document.baseURI).searchParams.get("connection_id");function p(t,n){t.sink(n),
"sse-reset"===n.event&&function(t,{data:n,id:i}){const{elt:r}=t,{reason:c,last_event_id:d=i,cut:l}=e.parse(n),b=new CustomEvent("sse:reset",{bubbles:!0,
cancelable:!0,detail:{reason:c,lastEventId:d}});if(!r.dispatchEvent(b))return;t.stale=!0,a(t);const p=r.getAttribute("data-sse-refresh")
;if(null===p||t.refreshing)return;clearTimeout(t.calming);const h=t.refreshed??(s&&!p?0:-6e4),f="render"===c||l?h+6e4-performance.now():0
;f<=0?m(t,p):p&&(t.calming=setTimeout(()=>o.get(r)===t&&m(t,p),f)),u()}(t,n)}function m(t,n){t.refreshing=!0,t.barred=!1,t.calming=void 0
;const s=Number(t.elt.getAttribute("data-sse-spread")??3e3);setTimeout(()=>n?async function(t,n){const{elt:s}=t,o=t.held=[],i=new AbortController;let r="",c=0
;const d=new Promise(e=>{t.giveUp=()=>{i.abort(),e(void 0)}}),u=setTimeout(()=>t.giveUp?.(),3e4);await Promise.race([(async()=>{const o=await fetch(n,{headers:{
"HX-Request":"true",Accept:"text/html"},cache:"no-store",signal:i.signal});if(function({status:e,redirected:t,headers:n,url:s},o){const i=e=>{
const{host:t,pathname:n}=new URL(e,document.baseURI);return t+n.replace(/\/$/,"")}
;return 401===e||403===e||n.has("HX-Redirect")||n.has("HX-Location")||t&&i(s)!==i(o)}(o,n))return c=o.status;if(!o.ok)return;const a=await o.text()
;i.signal.aborted||(r=o.headers.get("Last-Event-ID")??"",await e.swap(s,a,"innerHTML"),t.stale=i.signal.aborted)
})(),d]).catch(e=>console.debug("sse: not refreshed",e)),clearTimeout(u),t.held=t.giveUp=void 0,t.refreshing=!1,t.refreshed=performance.now()
;for(const n of o)(!r||void 0===n.id||n.id!==r&&e.isLater(n.id,r))&&p(t,n);c&&(t.barred=!0,t.subscription.close("denied",c,!0)),a(t)
}(t,n):location.reload(),Math.random()*s)}e.attach=(t,n,{headers:s,sink:i,onstate:r,reopen:d})=>{const u=o.get(t);if(u?.url===n&&e.isLive(t))return u.left?.(),
Object.assign(u,{sink:i,onstate:r,reopen:d,left:void 0}),"connecting"!==u.subscription.state&&queueMicrotask(()=>r(u.subscription.state)),u
;u?.subscription.close();const l=b(n);l&&[...o].some(([n,s])=>n!==t&&n.isConnected&&e.isLive(n)&&b(s.url)===l)&&e.wrong?.("twice",l)
;const h=u?.url===n?u:void 0,f={elt:t,url:n,sink:i,onstate:r,reopen:d,stale:Boolean(h?.stale),barred:h?.barred,held:void 0,subscription:void 0}
;return o.set(t,f),f.subscription=e.subscribe({url:n,headers:s??{},share:"false"!==t.getAttribute("data-sse-share"),cursor:h?.subscription.cursor??"",
onevent:e=>{if(!f.held)return p(f,e);f.held.push(e)>=1e3&&f.giveUp?.()},onstate:(e,n)=>{f.subscription&&(f.onstate(e,n),a(f,n),
f.barred&&"open"===e&&m(f,t.getAttribute("data-sse-refresh")??""))},ondenied:()=>{f.subscription&&(c(f),a(f))},again:()=>e.open(t)}),c(f),a(f),f},
new MutationObserver(()=>setTimeout(()=>{for(const[e,{subscription:t}]of o)e.isConnected||(t.close(),o.delete(e),u())})).observe(document.documentElement,{
childList:!0,subtree:!0});const h=()=>o.forEach(({subscription:e})=>{e.ended||e.now()});let f=[];function g(){f.push(...e.subscriptions),f.forEach(e=>e.pause())
}function v(){f.splice(0).forEach(e=>e.resume())}addEventListener("beforeunload",()=>{e.leaving=performance.now()}),addEventListener("pagehide",g),
document.addEventListener("freeze",g),addEventListener("pageshow",({persisted:e})=>{v(),e&&h()}),addEventListener("online",h),
document.addEventListener("resume",()=>{v(),h()}),document.addEventListener("visibilitychange",()=>{document.hidden||h()}),
addEventListener("htmx:sseReconnect",({target:n})=>{if(n instanceof Element&&n.matches(t))return e.open(n);const s=n instanceof Element?n:document
;i(s).filter(t=>!e.isEnded(t)).forEach(e.open)},!0),addEventListener("load",()=>setTimeout(()=>e.subscriptions.size||e.look()))})();
