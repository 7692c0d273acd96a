import type { GoodPage } from './pages.ts';

const page = (...lines: string[]): string => [...lines, '# EOF', ''].join('\n');

/** OpenMetrics 1.0. Source: prometheus.io, "OpenMetrics 1.0", ABNF, "Metric types" and its text format examples. */
export const GOOD_OPENMETRICS: readonly GoodPage[] = [
  { what: 'nothing', page: '# EOF\n', points: [] },
  { what: 'no line end behind EOF', page: 'a 1\n# EOF', points: ['gauge a 1 | unknown'] },
  {
    what: 'samples without metadata',
    page: page('a 1', 'b{x="1"} 2'),
    points: ['gauge a 1 | unknown', 'gauge b{x="1"} 2 | unknown'],
  },
  { what: 'unknown', page: page('# TYPE a unknown', 'a{} 1'), points: ['gauge a 1 | unknown'] },
  {
    what: 'a gauge with help and unit',
    page: page('# HELP a_bytes Size \\"now\\"\\n\\\\', '# TYPE a_bytes gauge', '# UNIT a_bytes bytes', 'a_bytes 17'),
    points: ['gauge a_bytes 17 | gauge unit By help "Size \\"now\\"\\n\\\\"'],
  },
  {
    what: 'metadata in another order, and empty',
    page: page('# UNIT a ', '# HELP a ', '# TYPE a gauge', 'a 1'),
    points: ['gauge a 1 | gauge'],
  },
  {
    what: 'a unit of our own',
    page: page('# TYPE a_apples gauge', '# UNIT a_apples apples', 'a_apples 1'),
    points: ['gauge a_apples 1 | gauge unit apples'],
  },
  { what: 'metadata without samples', page: page('# TYPE a counter', '# HELP a A.'), points: [] },
  {
    what: 'numbers',
    page: page(
      'a{n="1"} 1.5e-3',
      'a{n="2"} +Inf',
      'a{n="3"} -inf',
      'a{n="4"} NaN',
      'a{n="5"} .5',
      'a{n="6"} 5.',
      'a{n="7"} Infinity',
      'a{n="8"} -0.0',
    ),
    points: [
      'gauge a{n="1"} 0.0015 | unknown',
      'gauge a{n="2"} Infinity | unknown',
      'gauge a{n="3"} -Infinity | unknown',
      'gauge a{n="4"} NaN | unknown',
      'gauge a{n="5"} 0.5 | unknown',
      'gauge a{n="6"} 5 | unknown',
      'gauge a{n="7"} Infinity | unknown',
      'gauge a{n="8"} -0 | unknown',
    ],
  },
  {
    what: 'timestamps in seconds; OTLP has no time before 1970',
    page: page('# TYPE a gauge', 'a{n="1"} 1 1395066363.123', 'a{n="2"} 1 1.4e9', 'a{n="3"} 1 -5'),
    points: [
      'gauge a{n="1"} 1 at 1395066363123 | gauge',
      'gauge a{n="2"} 1 at 1400000000000 | gauge',
      'gauge a{n="3"} 1 at 0 | gauge',
    ],
  },
  {
    what: 'escapes in label values, also one that is none',
    page: page('a{x="\\\\ \\" \\n \\d ü"} 1'),
    points: ['gauge a{x="\\\\ \\" \\n \\\\d ü"} 1 | unknown'],
  },
  {
    what: 'a counter with its created time and an exemplar',
    page: page(
      '# TYPE c counter',
      '# HELP c Calls.',
      'c_total{code="200"} 17.0 1520879607.789 # {trace_id="4bf92f3577b34da6a3ce929d0e0e4736",span_id="00f067aa0ba902b7",user="u"} 0.5 1520879600.25',
      'c_created{code="200"} 1520430000.123',
    ),
    points: [
      'counter c_total{code="200"} 17 from 1520430000123 at 1520879607789 exemplar 0.5{user="u"} trace 4bf92f3577b34da6a3ce929d0e0e4736 span 00f067aa0ba902b7 at 1520879600250 | counter help "Calls."',
    ],
  },
  {
    what: 'an exemplar without labels and time',
    page: page('# TYPE c counter', 'c_total 1 # {} 1'),
    points: ['counter c_total 1 from now exemplar 1 at now | counter'],
  },
  {
    what: 'a trace id that is none',
    page: page('# TYPE c counter', 'c_total 1 # {trace_id="abc"} 1'),
    points: ['counter c_total 1 from now exemplar 1{trace_id="abc"} at now | counter'],
  },
  {
    what: 'a histogram with exemplars',
    page: page(
      '# TYPE h histogram',
      'h_bucket{le="0.0"} 0',
      'h_bucket{le="1e-05"} 0',
      'h_bucket{le="0.1"} 8 # {} 0.054',
      'h_bucket{le="1.0"} 11 # {id="7"} 0.67 5.5',
      'h_bucket{le="+Inf"} 17',
      'h_count 17',
      'h_sum 324789.3',
      'h_created 1520430000.123',
    ),
    points: [
      'histogram h count 17 sum 324789.3 buckets 0,0,8,3,6 up to 0,0.00001,0.1,1 from 1520430000123 exemplar 0.054 at now exemplar 0.67{id="7"} at 5500 | histogram',
    ],
  },
  {
    what: 'a histogram without sum and count, and one with bounds below 0',
    page: page(
      '# TYPE h histogram',
      'h_bucket{x="1",le="+Inf"} 2',
      'h_bucket{x="2",le="-1.0"} 1',
      'h_bucket{x="2",le="+Inf"} 1',
    ),
    points: [],
  },
  {
    // Not 1.0, where a name has one type; the default collector of Go writes it, and Prometheus takes it.
    what: 'a gauge and a counter of one name, as Go programs have them',
    page: page(
      '# HELP go_memstats_alloc_bytes Number of bytes allocated and still in use.',
      '# TYPE go_memstats_alloc_bytes gauge',
      'go_memstats_alloc_bytes 517928.0',
      '# HELP go_memstats_alloc_bytes Total number of bytes allocated, even if freed.',
      '# TYPE go_memstats_alloc_bytes counter',
      'go_memstats_alloc_bytes_total 1.7e+06',
      '# HELP go_memstats_buck_hash_sys_bytes Number of bytes used.',
      '# TYPE go_memstats_buck_hash_sys_bytes gauge',
      'go_memstats_buck_hash_sys_bytes 4096.0',
    ),
    points: [
      'gauge go_memstats_alloc_bytes 517928 | gauge help "Number of bytes allocated and still in use."',
      'counter go_memstats_alloc_bytes_total 1700000 from now | counter help "Total number of bytes allocated, even if freed."',
      'gauge go_memstats_buck_hash_sys_bytes 4096 | gauge help "Number of bytes used."',
    ],
  },
  {
    what: 'three types of one name, with units, metadata before and behind TYPE and created times',
    page: page(
      '# TYPE a_bytes counter',
      '# HELP a_bytes One.',
      'a_bytes_total 1',
      'a_bytes_created 5',
      '# UNIT a_bytes bytes',
      '# HELP a_bytes Two.',
      '# TYPE a_bytes gauge',
      'a_bytes 2',
      '# TYPE a_bytes histogram',
      'a_bytes_bucket{x="1",le="1"} 1',
      'a_bytes_bucket{x="1",le="+Inf"} 3',
      'a_bytes_count{x="1"} 3',
      'a_bytes_sum{x="1"} 4',
      'a_bytes_created{x="1"} 7',
    ),
    points: [
      'counter a_bytes_total 1 from 5000 | counter help "One."',
      'gauge a_bytes 2 | gauge unit By help "Two."',
      'histogram a_bytes{x="1"} count 3 sum 4 buckets 1,2 up to 1 from 7000 | histogram',
    ],
  },
  {
    what: 'metrics of one histogram interleaved, as a widely used library writes them',
    page: page(
      '# TYPE h histogram',
      'h_bucket{x="1",le="+Inf"} 2',
      'h_bucket{x="2",le="+Inf"} 3',
      'h_count{x="1"} 2',
      'h_count{x="2"} 3',
      'h_sum{x="1"} 4',
      'h_sum{x="2"} 5',
    ),
    points: [
      'histogram h{x="1"} count 2 sum 4 buckets 2 up to  from now | histogram',
      'histogram h{x="2"} count 3 sum 5 buckets 3 up to  from now | histogram',
    ],
  },
  {
    what: 'a gauge histogram, which OTLP has not',
    page: page(
      '# TYPE g gaugehistogram',
      'g_bucket{le="1.0"} 4 # {} 0.5',
      'g_bucket{le="+Inf"} 5',
      'g_gcount 5',
      'g_gsum -3',
      '# TYPE a gauge',
      'a 1',
    ),
    points: ['gauge a 1 | gauge'],
  },
  {
    what: 'a summary',
    page: page(
      '# TYPE s summary',
      's{quantile="0.5"} 12',
      's{quantile="1.0"} 17',
      's_count 3',
      's_sum 30.5',
      's_created 1.5',
    ),
    points: ['summary s count 3 sum 30.5 q0.5=12 q1=17 from 1500 | summary'],
  },
  {
    what: 'a quantile that is not known',
    page: page('# TYPE s summary', 's{quantile="0.5"} NaN', 's_count 0'),
    points: ['summary s count 0 sum 0 q0.5=NaN from now | summary'],
  },
  {
    what: 'an info',
    page: page('# TYPE a info', '# HELP a A.', 'a_info{version="1.0"} 1'),
    points: ['state a_info{version="1.0"} 1 | info help "A."'],
  },
  {
    what: 'a state set',
    page: page('# TYPE a stateset', 'a{a="on",x="1"} 1', 'a{a="off",x="1"} 0'),
    points: ['state a{a="on",x="1"} 1 | stateset', 'state a{a="off",x="1"} 0 | stateset'],
  },
  {
    what: 'target_info',
    page: page('# TYPE target info', 'target_info{version="1.2"} 1', '# TYPE a gauge', 'a 1'),
    points: ['gauge a 1 | gauge resource {version="1.2"}'],
  },
  {
    what: 'points of a series with timestamps that go up: the first counts',
    page: page('# TYPE a gauge', 'a 1 1', 'a 2 2'),
    points: ['gauge a 1 at 1000 | gauge'],
  },
  {
    what: 'names in UTF-8 (escaping=allow-utf-8)',
    page: page('# TYPE "http.calls" counter', '# UNIT "http.calls" ', '{"http.calls_total","label.x"="v"} 3'),
    points: ['counter http.calls_total{label.x="v"} 3 from now | counter'],
  },
];
