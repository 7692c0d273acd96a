import type { Random } from '../../../src/core/random.ts';

interface Series {
  readonly labels: [string, string][];
  value: number;
  stamp: number | undefined;
}

interface Group {
  readonly name: string;
  type: string;
  help: string;
  series: Series[];
}

const TEXTS = [
  'GET',
  '/cart',
  'caf\u00e9',
  'a\\\\b',
  '\\"q\\"',
  'x\\ny',
  'le',
  '{}',
  '} 5',
  'a,b=\\"c',
  '',
  ' ',
  '\\d',
];
const VALUES = [
  '0',
  '-3.25',
  '1e9',
  '+Inf',
  '-inf',
  'NaN',
  '0.1',
  '12345678901234567890',
  '5e-324',
  '1.7976931348623157e308',
  '-0',
];
const LABELS = ['method', 'path', 'pod', 'zone', 'job', 'quantile', 'le'];
const NAMES = { gauge: 'g', counter: 'c', histogram: 'h', summary: 's', unknown: 'u' } as const;

/** A target whose pages change a little from one to the next, in every way a page may. */
export class RandomPages {
  readonly #random: Random;
  readonly #format: 'text' | 'openmetrics';
  #groups: Group[];
  #made = 0;

  constructor(random: Random, format: 'text' | 'openmetrics') {
    this.#random = random;
    this.#format = format;
    const names = Object.entries(NAMES).flatMap(
      ([type, name]) =>
        [
          [type, name],
          [type, `${name}b`],
        ] as const,
    );
    this.#groups = names.map(([type, name]) => ({ name, type, help: 'One.', series: [] }));
    for (const group of this.#groups) this.#insert(group, this.#below(6));
  }

  next(): string {
    for (const group of this.#groups) this.#change(group);
    if (this.#chance(0.2)) this.#shuffle(this.#groups);
    const lines = this.#groups.flatMap((group) => this.#lines(group));
    if (this.#format === 'openmetrics') return [...lines, '# EOF', ''].join('\n');
    if (this.#chance(0.2)) lines.splice(this.#below(lines.length), 0, '', '# A comment.', '  ');
    return `${lines.join('\n')}${this.#chance(0.9) ? '\n' : ''}`;
  }

  #change(group: Group): void {
    const { series } = group;
    for (const each of series) {
      each.value = this.#chance(0.05) ? 0 : each.value + this.#below(5);
      if (this.#chance(0.02)) each.labels.reverse();
      if (this.#chance(0.02)) each.stamp = each.stamp === undefined ? 900 + this.#below(9) : undefined;
    }
    if (this.#chance(0.2)) this.#insert(group, 1 + this.#below(3));
    if (this.#chance(0.005)) this.#insert(group, 400);
    if (series.length > 20) series.splice(this.#below(3), series.length - 5);
    if (this.#chance(0.2)) series.splice(this.#below(series.length), 1 + this.#below(3));
    if (this.#chance(0.02)) series.length = 0;
    if (this.#chance(0.1)) this.#shuffle(series);
    if (this.#chance(0.05)) group.help = group.help === 'One.' ? 'Two \\\\ lines.' : 'One.';
    if (this.#chance(0.01) && group.name === 'g') group.type = group.type === 'gauge' ? 'unknown' : 'gauge';
  }

  /** Series of one shape, in between some of others; each has a label of its own. */
  #insert({ series }: Group, count: number): void {
    const shape = this.#shape();
    for (let at = 0; at < count; at++) {
      const names = this.#chance(0.9) ? shape : this.#shape();
      const labels = names.map((name): [string, string] => [
        name,
        this.#chance(0.9) ? `v${this.#below(3)}` : this.#pick(TEXTS),
      ]);
      labels.splice(this.#below(labels.length + 1), 0, [
        'id',
        `${this.#made++}${this.#chance(0.01) ? 'x'.repeat(5000) : ''}`,
      ]);
      const place = this.#chance(0.5) ? series.length : this.#below(series.length);
      series.splice(place, 0, { labels, value: this.#below(100), stamp: undefined });
    }
  }

  #shape(): string[] {
    const count = this.#below(4);
    const from = this.#below(5);
    // `le` and `quantile` are labels like others for most types, but not for those of theirs.
    return Array.from({ length: count }, (_, at) => LABELS[(from + at) % 4] ?? 'a');
  }

  #lines({ name, type, help, series }: Group): string[] {
    const isText = this.#format === 'text';
    const typeName = isText && type === 'counter' ? `${name}_total` : name;
    const head = [
      `# HELP ${typeName} ${help}`,
      `# TYPE ${typeName} ${isText && type === 'unknown' ? 'untyped' : type}`,
    ];
    const lines = series.flatMap((each) => this.#samples(name, type, each));
    if (isText && this.#chance(0.1) && lines.length > 0) lines.splice(this.#below(lines.length), 0, lines[0] ?? '');
    return [...(this.#chance(0.5) ? head : head.reverse()), ...lines];
  }

  #samples(name: string, type: string, series: Series): string[] {
    const { value } = series;
    switch (type) {
      case 'counter': {
        const created =
          this.#format === 'text' || (series.labels.length & 1) === 1
            ? []
            : [this.#line(`${name}_created`, series, '0.5')];
        return [this.#line(`${name}_total`, series, value) + this.#exemplar(), ...created];
      }
      case 'histogram': {
        const buckets = ['0.5', '1.0', '+Inf'].map(
          (le, at) => this.#line(`${name}_bucket`, series, value * (at + 1), ['le', le]) + this.#exemplar(),
        );
        return [
          ...buckets,
          this.#line(`${name}_count`, series, value * 3),
          this.#line(`${name}_sum`, series, value / 2),
        ];
      }
      case 'summary': {
        const quantiles = ['0.5', '0.99'].map((level) => this.#line(name, series, value, ['quantile', level]));
        return [...quantiles, this.#line(`${name}_count`, series, value), this.#line(`${name}_sum`, series, value / 4)];
      }
      default:
        return [this.#line(name, series, this.#chance(0.3) ? this.#pick(VALUES) : value)];
    }
  }

  #line(name: string, { labels, stamp }: Series, value: number | string, level?: [string, string]): string {
    const all = level === undefined ? labels : [...labels, level];
    const isText = this.#format === 'text';
    const blank = (): string => (isText && this.#chance(0.02) ? ' \t' : '');
    const pairs = all.map(([label, text]) => `${blank()}${label}${blank()}=${blank()}"${text}"${blank()}`).join(',');
    const comma = isText && this.#chance(0.02) ? ',' : '';
    const time = stamp === undefined ? '' : ` ${isText ? stamp : stamp / 1000}`;
    return `${blank()}${name}${blank()}{${pairs}${comma}} ${blank()}${value}${time}${blank()}`;
  }

  #exemplar(): string {
    return this.#format === 'openmetrics' && this.#chance(0.1)
      ? ` # {user="u${this.#below(9)}"} ${this.#below(9)}`
      : '';
  }

  #shuffle(list: unknown[]): void {
    for (let at = list.length - 1; at > 0; at--) {
      const other = this.#below(at + 1);
      [list[at], list[other]] = [list[other], list[at]];
    }
  }

  #pick(from: readonly string[]): string {
    return from[this.#below(from.length)] ?? '';
  }

  #chance(share: number): boolean {
    return this.#random() < share;
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }
}
