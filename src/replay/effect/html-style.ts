/** The style of the page; the policy of the page names its hash. */
export const STYLE = `
:root{color-scheme:light dark;--paper:#f7f8fa;--card:#fff;--ink:#1b2330;--soft:#5b6675;--line:#dfe3e9;--old:#8a97a8;--new:#0b7285;--fill:rgba(11,114,133,.14);--good:#1d7a46;--bad:#b3261e}
@media (prefers-color-scheme:dark){:root{--paper:#10151c;--card:#18202a;--ink:#e6ebf1;--soft:#9aa7b6;--line:#2b3643;--old:#7d8a9b;--new:#4cc3d6;--fill:rgba(76,195,214,.16);--good:#5fcf8e;--bad:#ff8a80}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Liberation Sans",sans-serif}
header,main,footer{max-width:1080px;margin:0 auto;padding:0 24px}
header{padding-top:28px}
h1{font-size:15px;font-weight:500;color:var(--soft);margin:0 0 8px}
h2{font-size:17px;margin:0 0 2px}
p{margin:0}
code{font:14px/1.4 ui-monospace,"DejaVu Sans Mono",monospace;overflow-wrap:anywhere}
.files{display:grid;grid-template-columns:auto 1fr;gap:2px 12px;margin:0 0 16px}
.files dt{color:var(--soft)}.files dd{margin:0}
.key{display:inline-block;width:11px;height:11px;border-radius:3px;margin-right:6px}
.key.old{background:var(--old)}.key.new{background:var(--new)}
.verdict{font-size:22px;line-height:1.35;font-weight:650;padding:14px 18px;border-left:5px solid var(--good);background:var(--card);border-radius:6px;margin-bottom:8px}
.verdict.bad{border-color:var(--bad);color:var(--bad)}
.about{color:var(--soft);font-size:13px}
section{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:18px 20px;margin:18px 0}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px;background:none;border:0;padding:0}
.tile{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:12px 14px}
.tile h2{font-size:13px;font-weight:500;color:var(--soft)}
.value{font-size:30px;font-weight:650;line-height:1.25;font-variant-numeric:tabular-nums}
.tile.good .value{color:var(--good)}.tile.bad .value{color:var(--bad)}.tile.bad{border-color:var(--bad)}
.notes h2{font-size:14px}.notes ul{margin:4px 0 0;padding-left:18px;font-size:14px;overflow-wrap:anywhere}
svg{display:block;width:100%}
svg .old{fill:var(--old)}svg .new{fill:var(--new)}
svg .area{fill:var(--fill)}
svg .line{fill:none;stroke-width:2;stroke-linejoin:round;vector-effect:non-scaling-stroke}
svg .line.old{stroke:var(--old);stroke-dasharray:5 3}svg .line.new{stroke:var(--new)}
svg .grid{stroke:var(--line);vector-effect:non-scaling-stroke}
.bars{height:18px}
.plot{display:grid;grid-template-columns:auto 1fr;gap:4px 8px;margin-top:14px;font-size:12px;color:var(--soft);font-variant-numeric:tabular-nums}
.timeline{height:180px}
.values,.times{display:flex;justify-content:space-between}
.values{flex-direction:column;text-align:right;margin:-8px 0}
.times{grid-column:2}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:14px;font-variant-numeric:tabular-nums;margin-top:4px}
th,td{padding:6px 10px;border-bottom:1px solid var(--line);text-align:right;white-space:nowrap}
th:first-child{text-align:left;padding-left:0;white-space:normal;overflow-wrap:anywhere;min-width:150px;font-weight:500}
.chart{width:34%;min-width:110px}
tr>:last-child{padding-right:0}
.worse{color:var(--bad);font-weight:600}
thead th{color:var(--soft);font-weight:500;font-size:13px}
tbody tr:last-child>*{border-bottom:0}
footer{color:var(--soft);font-size:13px;padding-bottom:32px}
@media (max-width:640px){
header,main,footer{padding-left:14px;padding-right:14px}
section{padding:14px}
.verdict{font-size:18px}
.tiles{grid-template-columns:1fr 1fr}.value{font-size:24px}
thead{display:none}
table,tbody{display:block}
tr{display:grid;grid-template-columns:repeat(auto-fit,minmax(88px,1fr));padding:8px 0;border-bottom:1px solid var(--line)}
tbody tr:last-child{border-bottom:0}
th:first-child,.chart{grid-column:1/-1;width:auto}
th,td{border:0;padding:2px 0;text-align:left}
td[data-head]::before{content:attr(data-head);display:block;color:var(--soft);font-size:12px;font-weight:400}
}
@media print{body{background:#fff}section,.tile{break-inside:avoid}}
`;
