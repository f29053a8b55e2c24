(()=>{"use strict";const e=window.cjmSSE??={};if(window.cjmSSE.stream)return;const t=2e3,n={204:"closed",400:"denied",401:"denied",403:"denied",409:"denied"
},o=e.policy={least:250,first:1e3,most:3e4,interval:0,maxRetries:1/0,debug:!1};e.parse=e=>{try{return Object(JSON.parse(e||"{}"))}catch{return{}}},
e.delay=(e,t)=>{if(!e&&void 0!==t)return t;if(o.interval)return(t??o.interval)*(1+Math.random()/4);const n=Math.min(o.most,(t||o.first)*2**e)
;return o.least+Math.random()*Math.max(0,n-o.least)},e.isLater=(e,t)=>{const[[n,o],[r,s]]=[e,t].map(e=>{const t=e.split(".",1)[0],n=t.lastIndexOf("-")
;return[t.slice(0,n),t.slice(n+1)]});return n!==r||(o.length-s.length?o.length>s.length:o>s)},e.parser=()=>{let e=[],t=!1,n={};return o=>{const r=[]
;if(!o)return r;t&&"\n"===o[0]&&(o=o.slice(1)),t=o.endsWith("\r");const s=o.split(/\r\n|\r|\n/),i=s.pop();s.length&&(e.push(s[0]),s[0]=e.join(""),e=[]),
i&&e.push(i);for(const e of s){if(!e){Object.keys(n).length&&r.push(n),n={};continue}const[,t,o]=e.match(/^([^:]*):? ?(.*)$/s)
;"data"===t?n.data=void 0===n.data?o:`${n.data}\n${o}`:"event"===t||"topic"===t?n[t]=o:"id"!==t||o.includes("\0")?"retry"===t&&/^\d+$/.test(o)?n.retry=Number(o):t||r.push({
comment:o}):n.id=o}return r}},e.stream=r=>{let s,i,a,c,d,u,l="connecting",m=0,f=0,h=0,g=0,p=0,b=!1,v=!1;const w=e=>{o.debug&&console.debug(`sse: ${e}`)}
;function y(e,t){const n=l!==e;l=e,p=0,clearTimeout(d),(n||void 0!==t)&&r.onstate(e,t)}function T(){clearTimeout(i),clearTimeout(a),clearTimeout(c),i=void 0,
u?.abort(),u=void 0}function $(e,t){T(),y(e,t)}const k=e=>e&&Math.max(2.5*e,e+2e3);function x(e){h=Date.now(),clearTimeout(a),e&&(a=setTimeout(()=>{w("silent"),
M()},e))}function M(n,a){T();const c=performance.now();return"open"===l&&!p&&c-(e.leaving??-2e3)<t?(p=c+t,d=setTimeout(()=>y("reconnecting",0),t),
S()):p?(i=setTimeout(S,100),r.onheld?.()):m>=o.maxRetries?(w("given up"),y("closed",a)):(n??=e.delay(m,s),m+=1,
o.debug&&w(`try ${m} of ${o.maxRetries} in ${Math.round(n)} ms`),i=setTimeout(S,n),void y("reconnecting",a??0))}async function S(){T()
;const t=u=new AbortController,{signal:i}=t;let a=!1,d=!1;x(6e4);try{const{url:t,headers:o,id:u}=r.request();a=!b&&new URL(t).origin!==location.origin,
c=setTimeout(()=>e.late?.(t),1e4);const l=await fetch(t,{headers:o,cache:"no-store",credentials:v?"omit":"include",signal:i});if(i.aborted)return;a=!1,b=!v
;const{status:p,body:w}=l;if(200!==p||!w||!l.headers.get("Content-Type")?.includes("text/event-stream"))return w?.cancel().catch(()=>{}),function(e){
const{status:t,redirected:o}=e,r=function({status:e,headers:t}){const n=t.get("Retry-After");if(!n||![409,429,503].includes(e))return
;const o=/^\d+$/.test(n)?1e3*Number(n):Date.parse(n)-Date.now();return o>=0?Math.min(o,2**30)*(1+Math.random()/4):void 0
}(e),s=performance.now(),i=409===t&&void 0!==r&&s-(g||=s)<9e4;if(n[t]&&!i||o&&200===t)return $(n[t]??"denied",t);M(r,t)}(l)
;const T=w.getReader(),D=new TextDecoder,R=e.parser();for(;;){const{done:t,value:n}=await T.read();if(t||i.aborted)break;clearTimeout(c);const o=Date.now()-h
;x(d?f:6e4);let a=R(D.decode(n,{stream:!0}));if(a.length){if(d&&!f&&a.some(e=>"heartbeat"===e.comment)&&x(f=k(o)),!d){
const t=e.parse(a[0].comment?.match(/^connected (.*)/)?.[1]),n="asked"in t?t:void 0,o=1e3*(n?.heartbeat??Number(l.headers.get("SSE-Heartbeat")));if(x(f=k(o)),
n&&u&&(!n.from||!u.startsWith(n.from))){if(!e.asksByQuery)return e.asksByQuery=!0,S();a.unshift({event:"sse-reset",data:JSON.stringify({reason:"unknown",
last_event_id:u,cut:!0})})}if(d=!0,m=g=0,s=void 0,r.onopen(l,n),i.aborted)return;y("open")}a=a.filter(e=>void 0===e.comment);for(const e of a)s=e.retry??s
;if(a.length&&r.onblocks(a),a.some(e=>"sse-close"===e.event)&&!i.aborted)return $("closed");if(i.aborted)return}}}catch(e){o.debug&&console.debug("sse:",e)}
if(!i.aborted)return a&&(v=!v)?S():void M()}return Promise.resolve().then(()=>{"connecting"===l&&S()}),{get state(){return l},close(){$("closed")},check(){
"open"===l&&f&&Date.now()-h>f&&M()},now(){"denied"!==l&&("open"!==l||f&&Date.now()-h>f)&&("connecting"===l||u&&"open"!==l||(m=0,w("now"),y("reconnecting"),S()))
}}}})();
