(()=>{"use strict";const e=window.cjmSSE;if(window.cjmSSE.swap)return;const{CONNECTS:t}=e;function n(e,t,n=!1){document.addEventListener(e,t,n),
document.addEventListener(e.replaceAll(":","-"),t,n)}e.on=n;const s=()=>parseInt(htmx.version)>=4;e.swap=(e,t,n)=>s()?htmx.swap({text:t,sourceElement:e,
target:e,swap:n}):htmx.swap(e,t,{swapStyle:n});const a=(e,t)=>e.getAttribute(t)??e.getAttribute(`data-${t}`),r=e=>a(e,"sse-swap")?.split(",").map(e=>e.trim())
;function o(e){if(!e.includes("hx-swap-oob"))return null;const t=document.createElement("template");t.innerHTML=e;const n=[],s=e=>{
for(const t of e.querySelectorAll("[hx-swap-oob], [data-hx-swap-oob]"))e.contains(t)&&(n.push(t),t.remove())
;return!e.textContent?.trim()&&[...e.querySelectorAll("*")].every(e=>!e.attributes.length&&/^(DIV|TABLE|TBODY|TEMPLATE|UL)$/.test(e.tagName)&&(!(e instanceof HTMLTemplateElement)||s(e.content)))
};return s(t.content)?n.map(e=>e.outerHTML):null}class i extends EventTarget{constructor(e){super(),this.url=new URL(e,document.baseURI).href,
this.withCredentials=!0,this.readyState=0,this.entry=void 0,this.onopen=this.onerror=this.onmessage=null,queueMicrotask(()=>this.start())}start(){
if(2===this.readyState)return;const t=e.elements().find(e=>e["htmx-internal-data"]?.sseEventSource===this),n=e=>this.take(e),s=(e,t)=>this.enter(e,t)
;t?(this.entry=e.attach(t,this.url,{sink:n,onstate:s})).left=()=>{this.entry=void 0,this.readyState=2}:this.entry={subscription:e.subscribe({url:this.url,
headers:{},share:!0,cursor:"",onevent:n,onstate:s})}}take({event:e,data:t,id:n}){const s=e||"message";this.tell(new MessageEvent(s,{data:t,
lastEventId:n??this.entry?.subscription.cursor,origin:location.origin}))}tell(e){this[`on${e.type}`]?.(e),this.dispatchEvent(e)}enter(e,t){
const n="closed"===e||"denied"===e;n&&2===this.readyState||(this.readyState="open"===e?1:0,
"open"===e?this.tell(new Event("open")):void 0!==t&&this.tell(new Event("error")),n&&(this.readyState=2))}close(){2!==this.readyState&&(this.readyState=2,
this.entry?.subscription.close())}}n("htmx:sseBeforeMessage",t=>{const{target:n,detail:s}=t;if(t.defaultPrevented||!n.hasAttribute("data-sse-swap"))return
;const a=o(s.data);if(a){t.preventDefault();for(const t of a)e.swap(n,t,"none");htmx.trigger(n,"htmx:sseMessage",s)}})
;const c=e=>e._htmx?.sse,d=e=>a(e,`hx-sse${htmx.config.metaCharacter||":"}connect`);function l(e,t,n={}){const s=c(e)
;s&&htmx.trigger(e,t.replaceAll(":",htmx.config.metaCharacter||":"),{connection:s,...n})}const h=new WeakMap;function u(t){t&&e.userChanged(t)}function m(){
window.htmx&&!s()&&(htmx.createEventSource=t=>(e.asked=!0,new i(t)))}n("htmx:config:request",({detail:{ctx:n}})=>{const s=n.sourceElement,r=s?.matches(t)&&d(s)
;r&&new URL(r,document.baseURI).pathname===new URL(n.request.action,document.baseURI).pathname&&(n.fetch=(t,r)=>(clearTimeout(n.requestTimeout),
((t,n,s)=>new Promise(r=>{let o,i=!1,u=!1;const m=new TextEncoder,p=new ReadableStream({start:e=>{o=e},cancel:()=>{u=!0,
g.sink===f&&g.subscription.close("closed",void 0,g.ending)}}),f=({event:e,data:n="",id:s})=>{if(u)return;g.ending=e===a(t,"sse-close")
;const r=[e&&`event: ${e}`,void 0!==s&&`id: ${s}`,...n.split("\n").map(e=>`data: ${e}`)];o.enqueue(m.encode(`${r.filter(Boolean).join("\n")}\n\n`))
},g=e.attach(t,n,{headers:s,sink:f,onstate:(e,n)=>{const s="closed"===e||"denied"===e;if("connecting"!==e){if(!i){i=!0,h.set(t,"open"!==e);const n={status:200,
headers:{"Content-Type":"text/event-stream"}};return r(s?new Response(null,{status:204}):new Response(p,n))}s?(u||o.close(),u=!0):"open"===e?(h.delete(t),
l(t,"htmx:sse:after:connection")):(void 0!==n&&l(t,"htmx:sse:error",{status:n,error:new Error(`SSE failed with status ${n}`)}),
l(t,"htmx:sse:before:connection"))}},reopen:()=>{if(c(t)||!i)return!1;const e=d(t);return e&&htmx.ajax("GET",e,{source:t}),!0}})
}))(s,new URL(t,document.baseURI).href,r.headers)))}),n("htmx:sse:before:connection",({detail:{connection:e}})=>{e.config.reconnect=!1,
document.removeEventListener("visibilitychange",e.visibilityHandler)}),n("htmx:sse:after:connection",e=>{h.get(e.target)&&e.stopImmediatePropagation()},!0),
n("htmx:sse:before:message",n=>{const{target:s,detail:i}=n;if(n.defaultPrevented||!(s instanceof Element))return;const{event:c,data:d,id:l}=i.message
;if("message"!==c)for(const n of s.querySelectorAll("[sse-swap], [data-sse-swap]"))r(n)?.includes(c||"message")&&n.closest(t)===s&&i.waitUntil(e.swap(n,d,a(n,"hx-swap")??"innerHTML"))
;const h=r(s);if(!h)return;if(!c&&!h.includes("message"))return n.preventDefault();if(c&&("message"===c||!h.includes(c)))return;c&&htmx.trigger(s,c,{data:d,id:l
}),i.message.event="";const u=o(d);if(u){i.message.data="";for(const t of u)i.waitUntil(e.swap(s,t,"none"))}}),
n("htmx:afterRequest",({detail:{xhr:e}})=>u(e?.getResponseHeader("SSE-User"))),
n("htmx:after:request",({detail:{ctx:e}})=>u(e.response?.headers?.get("SSE-User"))),m(),document.addEventListener("DOMContentLoaded",m,!0)})();
