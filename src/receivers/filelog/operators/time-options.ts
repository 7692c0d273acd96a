import type { TimeOptions } from './time-parser.ts';

/** The time parser that a configuration asks for. */
export function timeOptions(config: {
  readonly layout_type: TimeOptions['layoutType'];
  readonly layout: string;
  readonly location?: string | undefined;
  readonly time_zone_locations?: Readonly<Record<string, string>> | undefined;
}): TimeOptions {
  const { layout_type, layout, location, time_zone_locations } = config;
  // A literal Z at the end is Zulu time; %Z is a directive.
  const implied = /(?:^|[^%])Z$/.test(layout) && layout_type !== 'epoch' ? 'UTC' : 'Local';
  return { layoutType: layout_type, layout, location: location ?? implied, zones: time_zone_locations ?? {} };
}
