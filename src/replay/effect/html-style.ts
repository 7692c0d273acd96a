/** The style of the page; the policy of the page names its hash. */
export const STYLE = `
:root{color-scheme:light dark;--paper:#f7f8fa;--card:#fff;--ink:#1b2330;--soft:#5b6675;--line:#dfe3e9;--old:#8a97a8;--new:#0b7285;--fill:rgba(11,114,133,.14);--good:#1d7a46;--bad:#b3261e}
@media (prefers-color-scheme:dark){:root{--paper:#10151c;--card:#18202a;--ink:#e6ebf1;--soft:#9aa7b6;--line:#2b3643;--old:#7d8a9b;--new:#4cc3d6;--fill:rgba(76,195,214,.16);--good:#5fcf8e;--bad:#ff8a80}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Liberation Sans",sans-serif}
header,main,footer{max-width:1080px;margin:0 auto;padding:0 24px}
header{padding-top:32px}
h1{font-size:26px;line-height:1.2;margin:0 0 8px}
h2{font-size:17px;margin:0 0 2px}
p{margin:0}
code{font:14px/1.4 ui-monospace,"DejaVu Sans Mono",monospace;overflow-wrap:anywhere}
.files{margin-bottom:12px}
.arrow{color:var(--soft);padding:0 4px}
.key{display:inline-block;width:11px;height:11px;border-radius:3px;margin-right:6px}
.key.old{background:var(--old)}.key.new{background:var(--new)}
.verdict{font-size:17px;font-weight:600;padding:10px 14px;border-left:4px solid var(--good);background:var(--card);border-radius:4px;margin-bottom:8px}
.verdict.bad{border-color:var(--bad)}
.about{color:var(--soft);font-size:13px}
section{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:18px 20px;margin:18px 0}
.tiles{display:grid;grid-template-columns:repeat(auto-fill,minmax(185px,1fr));gap:12px;background:none;border:0;padding:0}
.tile{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:12px 14px}
.tile h2{font-size:13px;font-weight:500;color:var(--soft)}
.value{font-size:24px;font-weight:650;line-height:1.3;font-variant-numeric:tabular-nums}
.was{font-size:13px;color:var(--soft)}.was b{color:var(--ink);margin-left:4px}.was.worse b{color:var(--bad)}
svg{display:block;width:100%;height:auto;margin:12px 0}
svg text{fill:var(--soft);font-size:12px}
svg .name{fill:var(--ink)}
svg .old{fill:var(--old)}svg .new{fill:var(--new)}
svg .area{fill:var(--fill)}
svg .line{fill:none;stroke-width:2;stroke-linejoin:round}
svg .line.old{stroke:var(--old);stroke-dasharray:5 3;fill:none}svg .line.new{stroke:var(--new);fill:none}
svg .grid{stroke:var(--line);stroke-width:1}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:14px;font-variant-numeric:tabular-nums}
th,td{padding:6px 10px;border-bottom:1px solid var(--line);text-align:right;white-space:nowrap}
th:first-child{text-align:left;padding-left:0;white-space:normal;overflow-wrap:anywhere;min-width:180px;font-weight:500}
thead th{color:var(--soft);font-weight:500;font-size:13px}
tbody tr:last-child>*{border-bottom:0}
footer{color:var(--soft);font-size:13px;padding-bottom:32px}
@media print{body{background:#fff}section,.tile{break-inside:avoid}}
`;
