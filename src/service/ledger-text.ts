import type { Clock } from '../core/clock.ts';
import type { AccountStage, Ledger, LedgerRow } from '../core/ledger.ts';

/** The ledger as one line for machines, shaped like a line of the log. */
export function ledgerLine(ledger: Ledger, clock: Clock): string {
  const { closed } = ledger;
  const time = new Date(clock.now()).toISOString();
  return `${JSON.stringify({ time, level: closed ? 'info' : 'error', message: 'Ledger.', closed, rows: used(ledger) })}\n`;
}

/** The ledger as a table for people: one row a node, and whether it closes. */
export function ledgerText(ledger: Ledger): string {
  const rows = used(ledger);
  const head = ['', 'node', 'signal', 'received', 'passed', 'dropped', 'rejected', 'held', 'open'];
  const table = [head, ...rows.map(cells)];
  const widths = head.map((_, column) => Math.max(...table.map((row) => (row[column] ?? '').length)));
  const lines = table.map((row) =>
    row
      .map((cell, column) => pad(cell, widths[column] ?? 0, column))
      .join('  ')
      .trimEnd(),
  );
  return `${lines.join('\n')}\nledger: ${ledger.closed ? 'closed, every item is accounted for' : 'OPEN, see the last column'}\n`;
}

const ORDER: readonly AccountStage[] = ['receiver', 'processor', 'connector', 'exporter'];

/** Nodes that saw anything, in the order of the data. */
function used(ledger: Ledger): LedgerRow[] {
  const rows = ledger.rows().filter((row) => row.received > 0 || row.held > 0 || row.imbalance !== 0);
  return rows.sort((a, b) => ORDER.indexOf(a.stage) - ORDER.indexOf(b.stage));
}

function cells(row: LedgerRow): string[] {
  const { stage, node, signal, received, made, passed, dropped, rejected, held, imbalance } = row;
  return [
    stage,
    node,
    signal,
    made === 0 ? `${received}` : `${received} + ${made} made`,
    `${passed}`,
    reasons(dropped),
    reasons(rejected),
    `${held}`,
    `${imbalance}`,
  ];
}

function reasons(counts: Readonly<Record<string, number>>): string {
  const parts = Object.entries(counts).map(([reason, count]) => `${count} ${reason}`);
  return parts.length === 0 ? '0' : parts.join(', ');
}

function pad(text: string, width: number, column: number): string {
  return column < 3 ? text.padEnd(width) : text.padStart(width);
}
