"""Style and script of the HTML page. Constant: nothing from a document is ever put in here."""

STYLE = """
:root { --fg: #1b1f24; --bg: #fff; --line: #d0d7de; --soft: #f6f8fa; --VERIFIED: #1a7f37; --REFUTED: #cf222e;
  --UNVERIFIABLE: #9a6700; --NOT_CHECKED: #57606a; --ERROR: #8250df; }
@media (prefers-color-scheme: dark) { :root { --fg: #e6edf3; --bg: #0d1117; --line: #30363d; --soft: #161b22;
  --VERIFIED: #2ea043; --REFUTED: #f85149; --UNVERIFIABLE: #bb8009; --NOT_CHECKED: #8b949e;
  --ERROR: #a371f7; } }
body { color: var(--fg); background: var(--bg); font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto;
  max-width: 110rem; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; margin: 1rem 0; }
caption { text-align: left; font-weight: 600; }
th, td { border: 1px solid var(--line); padding: .3rem .6rem; text-align: left; vertical-align: top;
  overflow-wrap: anywhere; }
thead th { background: var(--soft); position: sticky; top: 0; overflow-wrap: normal; white-space: nowrap; }
a { color: inherit; }
code { font: 13px/1.4 ui-monospace, monospace; }
.short { white-space: nowrap; }
.number { text-align: right; font-variant-numeric: tabular-nums; }
.bar { display: flex; height: 1rem; min-width: 8rem; border-radius: 4px; overflow: hidden; }
.badge { color: #fff; border-radius: 4px; padding: 0 .4rem; font-size: 12px; white-space: nowrap; }
.v-VERIFIED { background: var(--VERIFIED); } .v-REFUTED { background: var(--REFUTED); }
.v-UNVERIFIABLE { background: var(--UNVERIFIABLE); } .v-NOT_CHECKED { background: var(--NOT_CHECKED); }
.v-ERROR { background: var(--ERROR); }
.grid { display: flex; flex-wrap: wrap; gap: 2px; }
.grid i { width: 12px; height: 12px; border-radius: 2px; background: var(--line); }
.grid .pass { background: var(--VERIFIED); } .grid .fail { background: var(--REFUTED); }
.grid .fooled { background: var(--ERROR); } .grid .open { background: var(--NOT_CHECKED); }
figure { margin: 1rem 0; }
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
