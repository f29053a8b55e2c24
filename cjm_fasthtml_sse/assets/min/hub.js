(()=>{"use strict";const t=window.cjmSSE;if(window.cjmSSE.subscribe)return;const s=30,e=1e3,i=2e3,n=["topic","last_event_id","tabs","signed"],o="cjm-sse/1"
;let r=Boolean(window.isSecureContext&&navigator.locks&&window.BroadcastChannel)
;const h=`${Math.random()}${Math.random()}`,a=new Map,c=new Set,d=new Set,l=new Map;let g,p,u;const m=t.sharing={on:!0
},f=(t,s)=>t===s||t.endsWith("*")&&s.startsWith(t.replace(/\*+$/,""))&&(t.endsWith("**")||!s.slice(t.length-1).includes("/")),v=t.hears=(t,s)=>t.some(t=>f(t,s)),w=t=>{
try{t()}catch(t){console.error("cjm-fasthtml-sse:",t)}
},y=(t,s)=>t.every(t=>s.includes(t)),b=({event:s,data:e})=>"sse-reset"===s&&"render"!==t.parse(e).reason,k=t=>void 0!==t.id&&(void 0===t.data||b(t)),S=t=>`${o} ${t}`,x=t=>"string"==typeof t,M=t=>Array.isArray(t)&&t.every(x),A=t=>Object(t)===t&&["id","event","data","topic"].every(s=>void 0===t[s]||x(t[s])),O=({type:t,term:s,n:e,cover:i,events:n,state:o})=>Number.isSafeInteger(2*s)&&Number.isSafeInteger(e)&&("cover"===t?M(i?.topics)&&M(i.asked)&&M(i.signed)&&x(i.floor):"events"===t?Array.isArray(n)&&n.every(A):"state"===t?x(o):["lead","alone","pong"].includes(t)),T=()=>u??=new Promise(s=>{
const{signal:e}=p=new AbortController,i=i=>{e.aborted||(r=!1,P(),s(!1),t.wrong?.("alone",i))};try{g=new BroadcastChannel(o),g.onmessage=({data:t})=>{
if(t?.key)w(()=>a.get(t.key)?.hear(t));else if("look"===t?.type){for(const t of a.values())t.check();for(const t of[...d])t.again()}
"cover"===t?.type&&O(t)&&j(t)},navigator.locks.request(S(h),{signal:e},()=>new Promise(t=>{e.addEventListener("abort",t),s(!0)})).catch(i)}catch(t){i(t)}})
;function P(){r&&(a.size||d.size)||(g?.close(),p?.abort(),g=u=void 0)}function j({key:t,cover:s}){const e=`${s.tag} ${s.decision}`;if(l.get(t)!==e){l.set(t,e)
;for(const s of[...d])s.key===t&&s.again()}}class C{constructor(s){this.key=s,this.subscriptions=new Set,this.members=new Map,this.term=0,this.n=0,
this.cover=void 0,this.last="",this.state="connecting",this.heard=Date.now(),this.resign=void 0,this.main=void 0,this.next=void 0,this.slow=!1
;const e=setTimeout(()=>{this.slow=a.get(s)===this,this.slow&&t.wrong?.("alone","no answer");for(const t of this.subscriptions)t.own||t.openOwn()},i)
;T().then(t=>{if(clearTimeout(e),this.slow=!1,a.get(s)===this){if(!t)return this.disband();this.candidate(),this.watch()}})}post(t){try{g?.postMessage({
key:this.key,from:h,...t})}catch(t){this.disband()}}wish(){const t=[...this.subscriptions];return{topics:[...new Set(t.flatMap(t=>t.topics))],
signed:[...new Set(t.flatMap(t=>t.signed))]}}hello(){this.resign?this.regroup(s):T().then(t=>{t&&this.subscriptions.size&&this.post({type:"hello",...this.wish()
})})}add(t){this.subscriptions.add(t),this.hello(),!this.resign||this.main||this.next?this.cover?t.covered(this.cover):this.slow&&t.openOwn():this.begin()}
remove(t){if(this.subscriptions.delete(t)){if(this.subscriptions.size)return this.hello(),void(!this.resign||this.main||this.next||this.begin());this.post({
type:"bye"}),a.delete(this.key),clearTimeout(this.watching),this.waiting?.abort(),this.step(),P()}}disband(){for(const t of[...this.subscriptions])t.goAlone()}
candidate(t=!1){const s=this.waiting=new AbortController,e=t?{steal:t}:{signal:s.signal};let i=!1;navigator.locks.request(S(this.key),e,()=>new Promise(t=>{
if(s.signal.aborted)return t(void 0);i=!0,this.resign=()=>t(void 0),this.lead()})).catch(()=>{if(!s.signal.aborted){if(!i)return this.disband();this.step(),
this.candidate(),this.hello()}}).then(()=>{i&&this.waiting===s&&a.get(this.key)===this&&this.candidate()})}watch(){clearTimeout(this.watching)
;const t=(document.hidden?3e4:3e3)*(1+Math.random()/2),s=Math.max(this.heard+t-Date.now(),500);this.watching=setTimeout(()=>{
if(this.resign&&(this.heard=Date.now()),Date.now()-this.heard<t)return this.watch();this.post({type:"ping"});const s=Date.now();this.watching=setTimeout(()=>{
!this.resign&&this.heard<s&&(this.waiting?.abort(),this.candidate(!0)),this.watch()},4e3+1e3*Math.random())},s)}hear(t){const{type:s,from:i,term:n=0,n:o}=t
;if("hello"===s){if(!M(t.topics)||!M(t.signed))return;this.members.set(i,{topics:t.topics,signed:t.signed}),this.resign&&this.welcome()
}else if("bye"===s)this.members.delete(i),this.resign&&this.regroup(e);else if("ping"===s)setTimeout(()=>{this.resign&&(this.tell({type:"pong"}),
this.main?.stream.check())
});else if("verify"===s)this.resign&&this.cover&&t.tag!==this.cover.tag&&this.reopen();else if("now"===s)this.resign&&this.now();else if(O(t)&&n>=this.term&&(n!==this.term||!this.resign)){
this.heard=Date.now();const s=n>this.term,e=o!==this.n+1;if(this.term=n,this.n=o,this.resign&&this.step(),s||e){this.cover=void 0
;for(const t of this.subscriptions)t.uncover();this.hello()}this.act(t)}}act(t){const{type:s,tabs:e}=t;if("cover"===s){this.cover=t.cover,
this.last=t.cover.floor,this.enter("open");for(const s of[...this.subscriptions])s.covered(t.cover);this.resign&&j(t)}else if("events"===s&&this.cover){
this.last=t.last||this.last;for(const s of[...this.subscriptions])s.relayed(t.events,this.cover)
}else"state"===s?this.enter(t.state,t.status):"alone"!==s||e&&!e.includes(h)||this.disband()}enter(t,s){this.state=t
;for(const t of[...this.subscriptions])t.mirror(s)}tell(t){this.n+=1,this.post({...t,term:this.term,n:this.n}),this.act(t)}lead(){
this.term=Math.max(this.term+1,Date.now()),this.tell({type:"lead"}),this.rolling=setInterval(()=>this.rollCall(),5e3),this.begin()}step(){
clearInterval(this.rolling),clearTimeout(this.regrouping),this.regrouping=void 0;const{main:t,next:s,resign:e}=this;this.main=this.next=this.resign=void 0,
t?.stream.close(),s?.stream.close(),e?.()}begin(){const t=[...this.subscriptions].find(t=>!t.own)
;this.last?this.reopen():t&&![...this.subscriptions].some(t=>t.own)&&t.openOwn()}promote(t,e){const{own:i,topics:n,signed:o,granted:r}=t;if(!i)return;const h={
stream:i.stream,topics:n,granted:r,signed:o,tabs:1,tag:e,gap:!1,decision:Math.random()};t.own=void 0,this.main=h,Object.assign(i.handlers,this.handlers(h)),
this.announce(t.cursor),this.regroup(s)}announce(t,s=!1,e=!1){if(!this.main)return;const{topics:i,granted:n,signed:o,tag:r,decision:h}=this.main;this.tell({
type:"cover",cover:{asked:i,topics:n,signed:o,tag:r,decision:h,floor:t,fresh:s,narrowed:e}})}welcome(){
this.main&&this.cover&&"open"===this.state&&!this.main.gap?this.announce(this.last):this.tell({type:"state",state:this.state}),this.regroup(s)}union(){
const t=[this.wish(),...this.members.values()];return{topics:[...new Set(t.flatMap(t=>t.topics))].sort(),signed:[...new Set(t.flatMap(t=>t.signed))].sort(),
tabs:1+this.members.size}}regroup(t){this.regrouping&&t>s||(clearTimeout(this.regrouping),this.regrouping=setTimeout(async()=>{this.regrouping=void 0,
await this.prune();const{main:s}=this;if(!s||this.next)return;const{topics:i,signed:n,tabs:o}=this.union();if(y(i,s.topics)&&y(n,s.signed)){
if(t<e)return this.regroup(e);if(o===s.tabs&&i.length===s.topics.length&&n.length===s.signed.length)return}this.reopen()},t))}async prune(){
const t=new Promise(t=>{t(navigator.locks.query())}),{held:s}=await Promise.race([t,new Promise(t=>{setTimeout(t,2e3)})]).catch(()=>{})??{}
;const e=s?.map(t=>t.name);for(const t of this.members.keys())e&&!e.includes(S(t))&&this.members.delete(t)}async rollCall(){const t=this.members.size
;await this.prune(),this.resign&&this.members.size!==t&&this.regroup(e)}reopen(){if(!this.resign||this.next)return;const s={...this.union(),granted:[],
stream:void 0,tag:"",gap:!1,decision:0};return this.next=s,s.stream=t.stream(this.handlers(s)),
this.main?void 0:"open"!==this.state?this.mainState(s,"connecting"):void setTimeout(()=>{this.next!==s||this.main||this.mainState(s,"connecting")},i)}
handlers(t){return{request:()=>(Object.assign(t,this.union()),function(t,{topics:s,signed:e,tabs:i},n){const o=new URL(t)
;for(const t of s)o.searchParams.append("topic",t);for(const t of e)o.searchParams.append("signed",t);return i>1&&o.searchParams.append("tabs",String(i)),
U(o,n,{})}(this.key,t,this.last)),onopen:(e,i)=>{const n=this.main;if(z(t.topics,i))return this.tell({type:"alone"});t.tag=e.headers.get("SSE-User")??"",
t.granted=i?.topics??t.topics,t.decision=t===n?Math.random():n?.decision??Math.random(),this.main=t,this.next===t&&(this.next=void 0),n!==t&&n?.stream.close(),
this.announce(this.last),this.regroup(s)},onblocks:s=>{this.main===t&&this.read(t,s)},onstate:(s,e)=>this.mainState(t,s,e),onheld:()=>{
this.members.size&&this.step()}}}mainState(t,e,i){const{next:n}=this;if(t===this.main&&n)return this.main=void 0,t.stream.close(),
this.mainState(n,n.stream.state);if(t===n&&this.main&&!this.main.left){if("denied"!==e&&"closed"!==e)return;this.next=void 0,
"denied"===e&&this.refused(this.main)}else t!==n&&t!==this.main||(t.left?setTimeout(()=>{this.main===t&&this.reopen()
},s):"denied"===e?this.refused():"open"!==e&&this.tell({type:"state",state:e,status:i}))}refused(t){
const s=s=>!t||!y(s.topics,t.topics)||!y(s.signed,t.signed),e=[...this.members].filter(([,t])=>s(t)).map(([t])=>t);for(const t of e)this.members.delete(t)
;s(this.wish())&&e.push(h),this.tell({type:"alone",tabs:e.length?e:void 0})}read(s,e){const i=[],n=()=>{i.length&&this.tell({type:"events",events:i.splice(0),
last:this.last})};for(const o of e){const{id:e,data:r,event:h}=o;if("sse-topics"!==h)if(b(o)&&(s.gap=!0),"sse-close"===h&&(s.left=Boolean(t.parse(r).topics)),
s.gap){if(!k(o))continue;s.gap=!1,this.announce(e??"",!0)}else"sse-retry"===h||void 0===e&&void 0===r||(i.push(o),this.last=e??this.last);else n(),
s.granted=t.parse(r).topics??[],s.gap||this.announce(this.last,!1,!0)}n()}async check(){if(this.resign&&this.cover)try{
const t=await fetch(new URL("user",this.key),{cache:"no-store",credentials:"include"}),{user:s}=t.ok?await t.json():{user:void 0}
;void 0!==s&&s!==this.cover?.tag&&this.reopen()}catch(t){}}now(){this.main?.stream.now(),this.next?.stream.now()}}function U(s,e,i){
const n=s.origin===location.origin,o=n&&/^[\x20-\x7e]+$/.test(e);return!e||o&&!t.asksByQuery||s.searchParams.set("last_event_id",e),i={
Accept:"text/event-stream",...n&&{...i,"SSE-Version":"1"},...o&&{"Last-Event-ID":e}},{url:s.href,headers:i,id:e}}function z(s,e){
return!!(e&&e.asked<s.length)&&(t.wrong?.("topics"),!0)}class D{constructor({url:t,headers:s,share:e,cursor:i,onevent:o,onstate:r,ondenied:h,again:a}){
this.headers=s,this.onevent=o,this.onstate=r,this.ondenied=h??(()=>{}),this.again=a??(()=>this.resume()),this.url=new URL(t,document.baseURI),this.url.hash=""
;const c=this.url.searchParams;this.topics=[...new Set(c.getAll("topic"))],this.signed=c.getAll("signed"),this.cursor=i||c.get("last_event_id")||"",this.tag="",
this.granted=this.topics,this.denied=[];const d=new URL(this.url);for(const t of n)("signed"!==t||this.topics.length)&&d.searchParams.delete(t)
;this.topics.length||(this.signed=[]),this.key=d.href,this.may=e&&m.on&&this.url.origin===location.origin&&!c.has("connection_id"),this.alone=!1,
this.own=void 0,this.fed=!1,this.floor=void 0,this.held=[],this.state="closed",this.ended=!1,this.opened=!1,this.begun=!1,this.resume()}get shares(){
return r&&this.may&&!this.alone}resume(){if(this.own||this.group)return;c.add(this);const t=d.delete(this);t&&(this.alone=!1),this.ended=!1,
this.enter("connecting"),!this.shares||t?this.openOwn():this.join()}join(){let t=a.get(this.key);t||a.set(this.key,t=new C(this.key)),t.add(this)}get group(){
const t=a.get(this.key);return t?.subscriptions.has(this)?t:void 0}pause(){this.closeOwn(),this.uncover(),this.group?.remove(this),
"open"===this.state&&this.enter("reconnecting")}close(t="closed",s,e=!1){this.ended||=e,this.begun=!1,d.delete(this),"denied"===t&&(this.grant([]),
r&&this.may&&(d.add(this),T())),this.pause(),P(),c.delete(this),this.enter(t,s)}enter(t,s){
"open"===t?this.opened=!0:"connecting"===t&&this.opened&&(t="reconnecting");const e=this.state!==t;this.state=t,(e||void 0!==s)&&w(()=>this.onstate(t,s))}
mirror(t){const{group:s}=this;s&&!this.own&&("open"!==s.state?this.enter(s.state,t):this.fed&&this.enter("open"))}now(){this.resume(),this.own?.stream.now()
;const{group:t}=this;t?.resign?t.now():t?.post({type:"now"}),t?.watch()}closeOwn(){const{own:t}=this;clearTimeout(this.retrying),this.own=void 0,
t?.stream.close()}goAlone(){this.alone=!0,this.uncover(),this.group?.remove(this),this.own||this.openOwn()}openOwn(){this.closeOwn();const s={
request:()=>U(new URL(this.url),this.cursor,this.headers),onopen:(t,s)=>{if(this.own!==e)return;if(z(this.topics,s))return this.close("denied",t.status,!0)
;this.tag=t.headers.get("SSE-User")??"",this.grant(s?.topics??this.topics),this.shares&&this.tag&&!this.group&&this.join();const{group:i}=this
;this.begun&&!this.cursor&&this.take({event:"sse-reset",data:'{"reason": "restarted"}'}),i&&!this.tag&&(i.resign?i.tell({type:"alone"}):this.goAlone())},
onblocks:s=>s.every((i,n)=>{if(this.own!==e)return!1;if("sse-topics"===i.event)return this.grant(t.parse(i.data).topics??[]),!0;if(this.take(i),
"sse-close"===i.event)return this.close("closed",void 0,!0);const{group:o}=this;return o&&k(i)&&this.caughtUp(o),
o&&o.main?.stream===e.stream&&o.read(o.main,s.slice(n+1)),!0}),onstate:(t,s)=>{
this.own===e&&("closed"===t||"denied"===t?this.close(t,s,"denied"===t||204===s):this.enter(t,s))}},e=this.own={handlers:s,stream:t.stream(s)}}grant(t){
this.granted=t;const s=this.topics.filter(s=>!t.some(t=>f(s,t)));String(s)!==String(this.denied)&&(this.denied=s,w(()=>this.ondenied()))}differs({topics:t}){
return!y(this.granted,t)||this.denied.some(s=>t.includes(s))}caughtUp(s){const{cover:e}=s
;return!s.resign||s.main||s.next?e&&void 0!==this.floor&&this.tag===e.tag?this.differs(e)?this.differed?this.goAlone():(this.differed=!0,
s.resign?s.reopen():s.post({type:"verify"
})):(this.differed=!1,void(this.feed(e)||(this.retrying=setTimeout(()=>this.openOwn(),500)))):void(!e&&s.slow||(this.closeOwn(),
e&&this.tag!==e.tag&&t.userChanged(this.tag),this.retrying=setTimeout(()=>s.cover&&this.covered(s.cover),1e3))):s.promote(this,this.tag)}uncover(){this.fed=!1,
this.floor=void 0,this.held=[]}covered(t){if(!y(this.topics,t.asked)||!y(this.signed,t.signed))return this.uncover()
;(void 0===this.floor||t.fresh)&&(this.uncover(),
this.floor=t.floor),t.narrowed&&this.fed&&this.tag===t.tag&&this.grant(this.granted.filter(s=>t.topics.includes(s)));const s=this.differs(t)
;this.fed&&this.tag===t.tag&&!s||(this.fed=!1,this.own||!s&&!t.fresh&&this.feed(t)||this.openOwn())}feed(t){const{held:s,floor:e}=this
;return!(void 0===e||this.tag!==t.tag||!this.cursor||this.isAfter(e)||(this.closeOwn(),this.held=[],this.fed=!0,this.mirror(),this.relayed(s,t),0))}isAfter(s){
return s!==this.cursor&&t.isLater(s,this.cursor)}relayed(s,e){if(!this.fed){if(void 0===this.floor)return;if(this.held.push(...s),
this.held.length<=1e3||!this.group)return;return this.held=[],void(this.floor=this.group.last)}for(const i of s){const{id:s,topic:n,event:o}=i
;if(void 0!==s&&!this.isAfter(s))continue
;const r="sse-close"===o&&this.isMeant(t.parse(i.data).topics),h="sse-close"===o?r:void 0===n||v(this.granted,n)||!v(e.topics,n);if(this.take(h?i:{id:s}),
r)return this.close("closed",void 0,!0);if(!this.fed)return}}isMeant(t){return!Array.isArray(t)||t.some(t=>this.topics.some(s=>f(s,t)||f(t,s)))}take(t){
void 0!==t.id&&(this.cursor=t.id),void 0!==t.data&&(this.begun=!0,w(()=>this.onevent(t)))}}t.subscribe=t=>new D(t),t.subscriptions=c,t.look=()=>{r&&!g&&w(()=>{
const t=new BroadcastChannel(o);t.postMessage({type:"look"}),t.close()})},t.userChanged=t=>{
for(const s of a.values())s.cover&&s.cover.tag!==t&&(s.resign?s.reopen():s.post({type:"verify",tag:t}))}})();
