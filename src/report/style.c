/* The page's style sheet, a rule or a few an entry. Series have Okabe and Ito's colours (jfly.uni-koeln.de/color), which people tell apart with any
 * kind of colour vision; those too pale for 3:1 against the page are darkened, on a dark page those too dark lightened.
 * Texts have at least 4.5:1 (WCAG 2.2 AA). */
#include "report/sections.h"

const char *const PAGE_STYLE[] = {
    ":root{color-scheme:light dark;--page:#fff;--ink:#1b1f24;--soft:#57606a;--rule:#d5dbe1;--link:#0a5a8f;"
    "--heat:0,114,178;--s0:#0072b2;--s1:#c25000;--s2:#00835f;--s3:#b04f86;--s4:#9a6b00;--s5:#1b1f24;--s6:#3a86b8;"
    "--bar:#8fc1e3;--count:#c3ccd5}\n",
    "@media (prefers-color-scheme:dark){:root{--page:#11151a;--ink:#e6e9ec;--soft:#a3adb8;--rule:#323a43;"
    "--link:#7cc0f0;--heat:86,180,233;--s0:#56b4e9;--s1:#f08a3c;--s2:#2fc497;--s3:#e59cc4;--s4:#e6b34a;--s5:#f2f4f6;"
    "--s6:#f0e442;--bar:#2f6f9c;--count:#46515d}}\n",
    "*{box-sizing:border-box}\n",
    "html{font:16px/1.55 system-ui,-apple-system,\"Segoe UI\",Roboto,\"Helvetica Neue\",\"Noto Sans\",Cantarell,Arial,"
    "sans-serif;-webkit-text-size-adjust:100%}\n",
    "body{margin:0 auto;padding:2.5rem 1.5rem 3rem;max-width:74rem;background:var(--page);color:var(--ink);"
    "font-variant-numeric:tabular-nums}\n",
    "a{color:var(--link)}\n",
    ":focus-visible{outline:2px solid var(--link);outline-offset:2px}\n",
    ".skip{position:absolute;left:-100vw}.skip:focus{left:1rem;top:.5rem;background:var(--page);padding:.4rem .8rem}\n",
    "h1{font-size:2.1rem;line-height:1.2;font-weight:650;letter-spacing:-.015em;margin:.1em 0 .5em;overflow-wrap:anywhere}\n",
    "h2{font-size:1.3rem;line-height:1.3;font-weight:650;letter-spacing:-.01em;margin:0 0 .8rem}\n",
    "h3{font-size:1rem;font-weight:650;margin:0 0 .5rem;overflow-wrap:anywhere}\n",
    ".eyebrow{margin:0;color:var(--soft);font-size:.85rem}\n",
    "nav ul,.legend{list-style:none;margin:0;padding:0;display:flex;flex-wrap:wrap;gap:.25rem 1.2rem}\n",
    "nav{border-bottom:1px solid var(--rule);padding-bottom:1rem;font-size:.9rem}\n",
    "nav a{text-decoration:none}nav a:hover{text-decoration:underline}\n",
    "main>section,.run{padding:1.8rem 0 .4rem}main>section+section,.run{border-top:1px solid var(--rule);margin-top:1.6rem}\n",
    ".run section{margin:1.4rem 0}\n",
    ".lede{font-size:1.05rem;margin:0 0 .9rem;max-width:60rem;overflow-wrap:anywhere}.state,.missing{color:var(--soft);margin:0 "
    "0 1rem}\n",
    ".missing{border-left:3px solid var(--rule);padding-left:.8rem;overflow-wrap:anywhere}\n",
    ".figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(11rem,1fr));gap:1rem 2rem;margin:1.4rem 0 .4rem}\n",
    ".figures dt{color:var(--soft);font-size:.9rem}.figures dd{margin:0;font-size:2rem;line-height:1.25;font-weight:600;"
    "letter-spacing:-.02em}\n",
    ".figures .first dd{color:var(--s0)}\n",
    ".figures small,.big small{display:block;font-size:.8rem;line-height:1.4;font-weight:400;letter-spacing:0;"
    "color:var(--soft)}\n",
    ".big{font-size:2rem;line-height:1.25;font-weight:600;letter-spacing:-.02em;margin:0 0 1rem}\n",
    ".charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,21rem),1fr));gap:1.6rem 2rem}\n",
    ".pair{display:flex;flex-wrap:wrap;gap:1rem 3.5rem}\n",
    ".beside{display:grid;grid-template-columns:minmax(0,21rem) minmax(0,1fr);gap:1rem 3rem;align-items:start}\n",
    "@media (max-width:46rem){.beside{grid-template-columns:1fr}body{padding:1.4rem 1rem 2rem}h1{font-size:1.7rem}"
    "}@media (max-width:30rem){.plot .tick,.plot .note{font-size:13px}}\n",
    "figure{margin:0;min-width:0}figcaption,caption{font-weight:600;font-size:.95rem;text-align:left;padding:0 0 .4rem}\n",
    "caption span{font-weight:400;color:var(--soft)}.legend{font-size:.85rem;color:var(--soft)}#curves>.legend{margin:0 0 1rem}figure .legend{margin:0 0 .4rem}\n",
    ".legend li{display:flex;align-items:center;gap:.4rem;overflow-wrap:anywhere}.swatch{flex:none}th .swatch{margin-right:.5rem}\n",
    ".plot{display:block;width:100%;height:auto}.wide{max-width:30rem}.square{max-width:21rem}\n",
    ".tick,.note{font-size:12px;fill:var(--soft)}.grid path{stroke:var(--rule);stroke-width:1;fill:none}\n",
    ".line{fill:none;stroke-width:1.8;stroke-linejoin:round;stroke-linecap:round}.baseline{fill:none;stroke:var(--soft);"
    "stroke-dasharray:4 4}\n",
    ".d1{stroke-dasharray:7 4}.d2{stroke-dasharray:1.5 4}\n",
    ".s0{stroke:var(--s0)}.s1{stroke:var(--s1)}.s2{stroke:var(--s2)}.s3{stroke:var(--s3)}.s4{stroke:var(--s4)}"
    ".s5{stroke:var(--s5)}.s6{stroke:var(--s6)}\n",
    ".point{fill:var(--page);stroke-width:1.8}.bar{fill:var(--bar)}.count{fill:var(--count)}.mark{stroke:var(--s1);"
    "stroke-width:2.5}\n",
    ".whisker{stroke-width:2;stroke:var(--s0)}.whisker.s1{stroke:var(--s1)}.rail{stroke:var(--rule);stroke-width:1}"
    ".dot{fill:var(--s0)}\n",
    ".scroll{overflow-x:auto;min-width:0;margin:0 0 1rem}\n",
    "table{border-collapse:collapse;font-size:.9rem;min-width:min(100%,20rem)}\n",
    "th,td{padding:.42rem .9rem .42rem 0;text-align:left;vertical-align:top;border-bottom:1px solid var(--rule);"
    "font-weight:400}\n",
    "thead th{color:var(--soft);font-size:.82rem;vertical-align:bottom;border-bottom-color:var(--soft)}\n",
    "tbody th{font-weight:550}td small,.ci small{color:var(--soft);font-size:.82rem;white-space:nowrap}\n",
    ".n,.data td{text-align:right;white-space:nowrap}.data thead th+th{text-align:right}\n",
    ".forest{display:block;margin-top:.15rem;overflow:visible}.ci{white-space:nowrap}.ci b{font-weight:550}\n",
    ".badge{font-style:normal;font-size:.75rem;border:1px solid var(--soft);border-radius:1rem;padding:0 .5em;"
    "color:var(--soft)}\n",
    ".matrix{border-collapse:separate;border-spacing:2px}.matrix th,.matrix td{border:0;padding:.5rem .7rem;vertical-align:middle}\n",
    ".matrix td{background:rgba(var(--heat),calc(.04 + .42*var(--share)));text-align:center;min-width:5.2rem}\n",
    ".matrix td b{display:block;font-size:1.05rem;font-weight:600}.matrix td small{color:var(--ink)}\n",
    ".matrix .right{box-shadow:inset 0 0 0 1.5px rgba(var(--heat),.9)}.matrix thead th+th{text-align:center}\n",
    ".texts{width:100%}.texts .text{min-width:15rem;max-width:44rem;overflow-wrap:anywhere}.texts td{white-space:normal}.texts td:nth-child(n+2){width:10.5rem}.texts td.n{width:4rem}\n",
    ".settings td{overflow-wrap:anywhere;max-width:34rem}.settings tbody th{white-space:nowrap}code{font-size:.86em}\n",
    ".digest{overflow-wrap:anywhere}\n",
    "details{margin:.3rem 0 .6rem}summary{cursor:pointer;color:var(--link);font-size:.88rem;width:fit-content}\n",
    ".run>summary{font-size:1rem;color:inherit;width:auto}.run>summary h2{display:inline}.run>summary "
    "p{display:inline;color:var(--soft);margin-left:.6rem;font-size:.9rem}\n",
    ".chart .scroll{max-height:20rem;overflow:auto;margin-top:.4rem}.data{width:100%}\n",
    ".hidden{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}\n",
    ".timebar{display:block;width:100%;height:14px;margin:0 0 .6rem}.key{display:inline-block;width:.75em;height:.75em;"
    "margin-right:.5em;border-radius:2px}\n",
    ".t0{fill:var(--s0);background:var(--s0)}.t1{fill:var(--s1);background:var(--s1)}.t2{fill:var(--s2);background:var(--s2)}"
    ".t3{fill:var(--s3);background:var(--s3)}.t4{fill:var(--s4);background:var(--s4)}.t5{fill:var(--s5);background:var(--s5)}"
    ".t6{fill:var(--s6);background:var(--s6)}.t7{fill:var(--bar);background:var(--bar)}.t8{fill:var(--count);"
    "background:var(--count)}\n",
    ".total th,.total td{font-weight:600}footer{border-top:1px solid var(--rule);margin-top:2rem;color:var(--soft);"
    "font-size:.85rem}\n",
    "@media print{:root{--page:#fff;--ink:#000;--soft:#444;--rule:#bbb;--link:#000;--heat:0,114,178;--s0:#0072b2;"
    "--s1:#c25000;--s2:#00835f;--s3:#b04f86;--s4:#9a6b00;--s5:#1b1f24;--s6:#3a86b8;--bar:#8fc1e3;--count:#c3ccd5}"
    "html{font-size:10.5pt}body{padding:0;max-width:none}nav,.skip{display:none}*{print-color-adjust:exact;"
    "-webkit-print-color-adjust:exact}figure,tr,.figures,.times{break-inside:avoid}h2,h3,caption{break-after:avoid}"
    ".scroll,.chart .scroll{overflow:visible;max-height:none}a{text-decoration:none}"
    ".settings{font-size:6.5pt;min-width:0}.settings :is(th,td){padding-right:.4em;white-space:normal;overflow-wrap:anywhere}details::details-content{content-visibility:visible;block-size:auto}summary{color:#000;list-style:none}.charts details,.beside details,.wide details{display:none}}\n",
    NULL};
