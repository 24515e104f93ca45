"""Style and script of the HTML page. Constant: nothing from a document is ever put in here."""

STYLE = """
:root { --fg: #1b1f24; --bg: #fff; --line: #d0d7de; --soft: #f6f8fa; --VERIFIED: #1a7f37; --REFUTED: #cf222e;
  --UNVERIFIABLE: #9a6700; --NOT_CHECKED: #57606a; --ERROR: #8250df;
  --dim: #57606a; --pass: #2a6f97; --passed: #a9cfe4; --fail: #f7d9a8; --failed: #7a3e00; --claim: #b84a00; }
@media (prefers-color-scheme: dark) { :root { --fg: #e6edf3; --bg: #0d1117; --line: #30363d; --soft: #161b22;
  --VERIFIED: #2ea043; --REFUTED: #f85149; --UNVERIFIABLE: #bb8009; --NOT_CHECKED: #8b949e;
  --ERROR: #a371f7; --dim: #8b949e; --pass: #6cb6e0; --passed: #2b6488; --fail: #5c3d12; --failed: #ffce8a;
  --claim: #ff9d4d; } }
body { color: var(--fg); background: var(--bg); font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto;
  max-width: 110rem; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; margin: 1rem 0; }
caption { text-align: left; font-weight: 600; }
th, td { border: 1px solid var(--line); padding: .3rem .6rem; text-align: left; vertical-align: top;
  overflow-wrap: anywhere; }
thead th { background: var(--soft); position: sticky; top: 0; overflow-wrap: normal; white-space: nowrap; }
a { color: inherit; }
h2, figcaption { overflow-wrap: anywhere; }
code { font: 13px/1.4 ui-monospace, monospace; }
.short { white-space: nowrap; }
.number { text-align: right; font-variant-numeric: tabular-nums; }
.bar { display: flex; height: 1rem; min-width: 8rem; border-radius: 4px; overflow: hidden; }
.badge { color: #fff; border-radius: 4px; padding: 0 .4rem; font-size: 12px; white-space: nowrap; }
.v-VERIFIED { background: var(--VERIFIED); } .v-REFUTED { background: var(--REFUTED); }
.v-UNVERIFIABLE { background: var(--UNVERIFIABLE); } .v-NOT_CHECKED { background: var(--NOT_CHECKED); }
.v-ERROR { background: var(--ERROR); }
figure { margin: 1rem 0 2rem; }
figcaption span { margin-right: .8rem; font-size: 13px; }
figcaption .key { white-space: nowrap; }
.wide, .lines { overflow-x: auto; }
.key svg, .key i { vertical-align: middle; }
.forest table { border-collapse: collapse; }
.forest th, .forest td { border: 0; border-bottom: 1px solid var(--soft); padding: 0 .7rem; height: 26px;
  font-weight: normal; white-space: nowrap; vertical-align: middle; }
.forest thead th { position: static; font-size: 12px; border-bottom: 1px solid var(--line); }
.forest .group th { font-weight: 600; padding-top: .4rem; }
.forest th[scope=row] { padding-left: 1.6rem; max-width: 22rem; overflow: hidden; text-overflow: ellipsis; }
.forest small { color: var(--dim); padding-left: .5rem; }
.forest .plot { width: 45%; min-width: 18rem; padding: 0 1.2rem; background: var(--soft); }
.forest svg { display: block; } .key svg { display: inline-block; }
.tick { stroke: var(--line); } .plot text { fill: var(--fg); font-size: 12px; }
figure p { margin: .3rem 0; font-size: 12px; color: var(--dim); }
.whisker { stroke: var(--pass); stroke-width: 2; } .found { fill: var(--pass); }
.claimed { fill: none; stroke: var(--claim); stroke-width: 2.5; }
.lines { display: flex; flex-wrap: wrap; gap: .2rem 1.5rem; }
.lines table { width: auto; margin: .3rem 0; border-collapse: separate; border-spacing: 1px;
  table-layout: fixed; }
.lines th { border: 0; padding: 0 .4rem 0 0; font: 11px/1.2 system-ui, sans-serif; background: none;
  position: static; }
.lines th[scope=row] { width: 6.5rem; max-width: 6.5rem; overflow: hidden; white-space: nowrap;
  text-overflow: ellipsis; font-size: 12px; }
.lines thead th { border-left: 1px solid var(--line); padding-left: 2px; }
.lines td, .key i { width: 14px; min-width: 14px; height: 15px; padding: 0; border: 0; border-radius: 2px;
  text-align: center; font: 11px/15px system-ui, sans-serif; overflow: hidden; }
.key i { display: inline-block; }
.lines td.flip { font-size: 11px; color: var(--fg); }
.lines td.flipped { box-shadow: 0 0 0 1.5px var(--fg); border-radius: 0; }
.lines td, .key i, .bar span, .badge { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
.pass { background: var(--pass); color: var(--passed); }
.fail { background: var(--fail); color: var(--failed); }
.timeout { background: var(--bg); color: var(--failed); outline: 1px dashed var(--failed);
  outline-offset: -1px; }
.fooled { background: var(--ERROR); color: #fff; font-weight: 700; }
.open { background: var(--line); color: var(--fg); } .none { background: var(--soft); }
figcaption div { margin-top: .2rem; }
details { margin: .3rem 0; } summary { cursor: pointer; }
figure details p { color: var(--fg); margin: .3rem 1.2rem; font-size: 13px; overflow-wrap: anywhere; }
[hidden] { display: none; }
"""

SCRIPT = """
const text = document.getElementById("text");
const boxes = [...document.querySelectorAll("#filter input.verdict")];
const rows = [...document.querySelectorAll("tr.claim")];
function apply() {
  const wanted = new Set(boxes.filter(b => b.checked).map(b => b.value));
  const needle = text.value.toLowerCase();
  for (const row of rows)
    row.hidden = !wanted.has(row.dataset.verdict) || !row.textContent.toLowerCase().includes(needle);
}
document.getElementById("filter").addEventListener("input", apply);
document.getElementById("filter").addEventListener("submit", e => e.preventDefault());
"""
