const KINDS = ['UNSPECIFIED', 'INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER'];
const STATUS_CODES = ['UNSET', 'OK', 'ERROR'];
const SEVERITIES = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'];
const METRIC_TYPES = ['NONE', 'GAUGE', 'SUM', 'HISTOGRAM', 'EXPONENTIAL_HISTOGRAM', 'SUMMARY'];
const TEMPORALITIES = ['UNSPECIFIED', 'DELTA', 'CUMULATIVE'];

/** The names that OTTL has for the numbers of OTLP's enums: SPAN_KIND_SERVER, SEVERITY_NUMBER_WARN2 and so on. */
export const ENUM_NUMBERS: ReadonlyMap<string, number> = new Map([
  ...numbered('SPAN_KIND_', KINDS),
  ...numbered('STATUS_CODE_', STATUS_CODES),
  ...numbered('METRIC_DATA_TYPE_', METRIC_TYPES),
  ...numbered('AGGREGATION_TEMPORALITY_', TEMPORALITIES),
  ['SEVERITY_NUMBER_UNSPECIFIED', 0],
  ...SEVERITIES.flatMap((name, row) =>
    [1, 2, 3, 4].map((step): [string, number] => [`SEVERITY_NUMBER_${name}${step === 1 ? '' : step}`, row * 4 + step]),
  ),
]);

function numbered(prefix: string, names: readonly string[]): [string, number][] {
  return names.map((name, number) => [`${prefix}${name}`, number]);
}
