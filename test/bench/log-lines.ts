import { logLine } from './payload.ts';

/** Log text for the bench: whole lines, each with its newline. */
export interface LogBlock {
  readonly text: Buffer;
  /** Physical lines. */
  readonly lines: number;
  /** Records that they are when lines that belong together are joined. */
  readonly records: number;
}

export type MakeBlock = (first: number, lines: number) => LogBlock;

/** JSON lines of about 177 bytes. */
export function jsonBlock(first: number, lines: number): LogBlock {
  return block(
    Array.from({ length: lines }, (_, i) => logLine(first + i)),
    lines,
  );
}

/** The same lines as a container runtime writes them (CRI). */
export function criBlock(first: number, lines: number): LogBlock {
  const texts = Array.from({ length: lines }, (_, i) => {
    const time = new Date(1_800_000_000_000 + first + i).toISOString().replace('Z', '456789Z');
    return `${time} ${i % 10 === 0 ? 'stderr' : 'stdout'} F ${logLine(first + i)}`;
  });
  return block(texts, lines);
}

const FRAMES_TO_CAUSE = 24;
const FRAMES_OF_CAUSE = 6;
const RECORDS = 24;

/** A Java service's log: two dozen lines, the last of them an error with its stack trace, over and over. */
export function javaBlock(first: number, lines: number): LogBlock {
  const texts: string[] = [];
  let records = 0;
  while (texts.length < lines) {
    for (let i = 1; i <= RECORDS; i++) texts.push(javaLine(first + texts.length, i < RECORDS ? ' INFO' : 'ERROR'));
    texts.push(...stackTrace(first + texts.length));
    records += RECORDS;
  }
  return block(texts, records);
}

function javaLine(index: number, level: string): string {
  const time = new Date(1_800_000_000_000 + index).toISOString().replace('T', ' ').slice(0, -1);
  return `${time} ${level} 1 --- [nio-8080-exec-${index % 10}] c.e.shop.catalogue.CatalogueController   : served item ${index} of list ${index % 90} in ${index % 50} ms`;
}

function stackTrace(index: number): string[] {
  const frames = (count: number, type: string): string[] =>
    Array.from({ length: count }, (_, i) => `\tat com.example.shop.${type}${i}.process(${type}${i}.java:${40 + i})`);
  return [
    `java.lang.IllegalStateException: Item ${index} cannot be served`,
    ...frames(FRAMES_TO_CAUSE, 'catalogue.CatalogueService'),
    'Caused by: java.sql.SQLTimeoutException: The query did not answer in 500 ms',
    ...frames(FRAMES_OF_CAUSE, 'storage.StatementPool'),
    `\t... ${FRAMES_TO_CAUSE - 3} more`,
  ];
}

function block(texts: readonly string[], records: number): LogBlock {
  return { text: Buffer.from(`${texts.join('\n')}\n`), lines: texts.length, records };
}
