import { readFileSync } from 'node:fs';
interface Node { id: number; callFrame: { functionName: string; url: string; lineNumber: number }; hitCount: number }
const p = JSON.parse(readFileSync(process.argv[2]!, 'utf8')) as { nodes: Node[] };
const by = new Map<string, number>(); let total = 0;
for (const n of p.nodes) { const k = `${n.callFrame.functionName} ${n.callFrame.url.split('/').slice(-2).join('/')}:${n.callFrame.lineNumber}`; by.set(k, (by.get(k) ?? 0) + n.hitCount); total += n.hitCount; }
for (const [k, v] of [...by].sort((a, b) => b[1] - a[1]).slice(0, 22)) console.log((100 * v / total).toFixed(1), k);
