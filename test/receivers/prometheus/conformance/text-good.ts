import type { GoodPage } from './pages.ts';

/** Text 0.0.4 and 1.0.0. Source: prometheus.io, "Exposition formats", text format details, examples and UTF-8 names. */
export const GOOD_TEXT: readonly GoodPage[] = [
  { what: 'an empty page', page: '', points: [] },
  {
    what: 'blank lines, comments and indentation',
    page: '\n  \t\n# a comment\n#\n\t# TYPEs are no metadata\n  a 1\n',
    points: ['gauge a 1 | unknown'],
  },
  { what: 'a last line without its end', page: 'a 1\nb 2', points: ['gauge a 1 | unknown', 'gauge b 2 | unknown'] },
  {
    what: 'blanks and tabs between tokens',
    page: '\ta\t{ x = "1" ,\ty="2" , } \t 3 \t\n',
    points: ['gauge a{x="1",y="2"} 3 | unknown'],
  },
  {
    what: 'empty braces, and a comma behind the last label',
    page: 'a{} 1\nb{x="1",} 2\n',
    points: ['gauge a 1 | unknown', 'gauge b{x="1"} 2 | unknown'],
  },
  { what: 'a label without a value, which is none', page: 'a{x="",y="2"} 1\n', points: ['gauge a{y="2"} 1 | unknown'] },
  {
    what: 'colons in names, digits behind the first letter, underscores',
    page: ':a:b 1\n_a1{_x1="1"} 2\n',
    points: ['gauge :a:b 1 | unknown', 'gauge _a1{_x1="1"} 2 | unknown'],
  },
  {
    what: 'escapes in label values',
    page: 'a{path="C:\\\\DIR\\\\F.TXT",error="No \\"file\\"\\nthere"} 1\n',
    points: ['gauge a{error="No \\"file\\"\\nthere",path="C:\\\\DIR\\\\F.TXT"} 1 | unknown'],
  },
  {
    what: 'what looks like syntax in a label value',
    page: 'a{x="} 2 # {a=\'b\'},"} 1\n',
    points: ['gauge a{x="} 2 # {a=\'b\'},"} 1 | unknown'],
  },
  { what: 'label values in UTF-8', page: 'a{x="naïve 🦀"} 1\n', points: ['gauge a{x="naïve 🦀"} 1 | unknown'] },
  {
    what: 'numbers as Go reads them',
    page: 'a{n="1"} 1.458255915e9\na{n="2"} +Inf\na{n="3"} -Inf\na{n="4"} NaN\na{n="5"} -0\na{n="6"} .5\na{n="7"} 5.\na{n="8"} +1E+2\na{n="9"} inf\n',
    points: [
      'gauge a{n="1"} 1458255915 | unknown',
      'gauge a{n="2"} Infinity | unknown',
      'gauge a{n="3"} -Infinity | unknown',
      'gauge a{n="4"} NaN | unknown',
      'gauge a{n="5"} -0 | unknown',
      'gauge a{n="6"} 0.5 | unknown',
      'gauge a{n="7"} 5 | unknown',
      'gauge a{n="8"} 100 | unknown',
      'gauge a{n="9"} Infinity | unknown',
    ],
  },
  {
    what: 'timestamps in milliseconds; OTLP has no time before 1970',
    page: '# TYPE c counter\nc{x="1"} 3 1395066363000\n# TYPE g gauge\ng 12.47\ng{x="1"} 1 -3982045\n',
    points: [
      'counter c{x="1"} 3 from 1395066363000 at 1395066363000 | counter',
      'gauge g 12.47 | gauge',
      'gauge g{x="1"} 1 at 0 | gauge',
    ],
  },
  {
    what: 'help with escapes, which quotes are not',
    page: '# HELP a One \\\\ two\\nthree \\"four\\" \n# TYPE a gauge\na 1\n',
    points: ['gauge a 1 | gauge help "One \\\\ two\\nthree \\\\\\"four\\\\\\" "'],
  },
  {
    what: 'help behind type, and none at all',
    page: '# TYPE a gauge\n# HELP a\na 1\n# TYPE b gauge\n# HELP b B.\nb 2\n',
    points: ['gauge a 1 | gauge', 'gauge b 2 | gauge help "B."'],
  },
  {
    what: 'UNIT, which is a comment here',
    page: '# TYPE a_bytes gauge\n# UNIT a_bytes bytes\na_bytes 1\n',
    points: ['gauge a_bytes 1 | gauge'],
  },
  {
    what: 'a counter whose TYPE names the sample, or the family',
    page: '# TYPE a_total counter\na_total 1\n# TYPE b counter\nb_total 2\n',
    points: ['counter a_total 1 from now | counter', 'counter b_total 2 from now | counter'],
  },
  {
    what: 'two types of one name, which the format forbids and Prometheus takes: the last one before its samples',
    page: '# TYPE a gauge\n# TYPE a counter\na 1\n# TYPE a gauge\na{x="1"} 2\n',
    points: ['counter a 1 from now | counter', 'counter a{x="1"} 2 from now | counter'],
  },
  {
    what: 'a type behind its samples, too: it is none',
    page: 'a 1\n# TYPE a counter\na{x="1"} 2\n',
    points: ['gauge a 1 | unknown', 'gauge a{x="1"} 2 | unknown'],
  },
  { what: 'untyped', page: '# TYPE a untyped\na 1\n', points: ['gauge a 1 | unknown'] },
  {
    what: 'a histogram',
    page: '# HELP h Times.\n# TYPE h histogram\nh_bucket{le="0.05"} 24054\nh_bucket{le="0.1"} 33444\nh_bucket{le="0.2"} 100392\nh_bucket{le="+Inf"} 144320\nh_sum 53423\nh_count 144320\n',
    points: [
      'histogram h count 144320 sum 53423 buckets 24054,9390,66948,43928 up to 0.05,0.1,0.2 from now | histogram help "Times."',
    ],
  },
  {
    what: 'histograms with labels, their lines in any order',
    page: '# TYPE h histogram\nh_count{x="1"} 3\nh_bucket{le="+Inf",x="2"} 4\nh_bucket{x="1",le="+Inf"} 3\nh_bucket{x="1",le="1"} 1\nh_sum{x="2"} 8\nh_count{x="2"} 4\n',
    points: [
      'histogram h{x="1"} count 3 buckets 1,2 up to 1 from now | histogram',
      'histogram h{x="2"} count 4 sum 8 buckets 4 up to  from now | histogram',
    ],
  },
  {
    what: 'a histogram without +Inf bucket, without buckets, and without count',
    page: '# TYPE a histogram\na_bucket{le="1"} 1\na_count 3\n# TYPE b histogram\nb_sum 4\nb_count 3\n# TYPE c histogram\nc_bucket{le="+Inf"} 3\n',
    points: [
      'histogram a count 3 buckets 1,2 up to 1 from now | histogram',
      'histogram b count 3 sum 4 from now | histogram',
    ],
  },
  {
    what: 'a summary',
    page: '# TYPE s summary\ns{quantile="0.01"} 3102\ns{quantile="0.99"} 76656\ns_sum 1.7560473e+07\ns_count 2693\n',
    points: ['summary s count 2693 sum 17560473 q0.01=3102 q0.99=76656 from now | summary'],
  },
  {
    what: 'a summary without quantiles, without sum, and without count',
    page: '# TYPE a summary\na_sum 4\na_count 3\n# TYPE b summary\nb{quantile="0.5"} NaN\nb_count 0\n# TYPE c summary\nc{quantile="0.5"} 1\n',
    points: ['summary a count 3 sum 4 from now | summary', 'summary b count 0 sum 0 q0.5=NaN from now | summary'],
  },
  {
    what: 'types of OpenMetrics that are plain names here',
    page: 'a_info{x="1"} 1\na_created 5\n',
    points: ['gauge a_info{x="1"} 1 | unknown', 'gauge a_created 5 | unknown'],
  },
  {
    what: 'families that are interleaved',
    page: '# TYPE a gauge\na 1\nb 2\na{x="1"} 3\n',
    points: ['gauge a 1 | gauge', 'gauge a{x="1"} 3 | gauge', 'gauge b 2 | unknown'],
  },
  {
    what: 'a series twice: the first counts',
    page: 'a{x="1",y="2"} 1\na{y="2",x="1"} 2\n',
    points: ['gauge a{x="1",y="2"} 1 | unknown'],
  },
  { what: 'a comment and metadata of a family without samples', page: '# HELP a A.\n# TYPE a counter\n', points: [] },
  {
    what: 'names in UTF-8, quoted in braces (1.0.0)',
    page: '# HELP "http.latency-ms" Time.\n# TYPE "http.latency-ms" gauge\n{"http.latency-ms"} 1\n{"http.latency-ms","label.with.dots"="v",plain="w"} 2\n{"🦀", } 3\n',
    points: [
      'gauge http.latency-ms 1 | gauge help "Time."',
      'gauge http.latency-ms{label.with.dots="v",plain="w"} 2 | gauge help "Time."',
      'gauge 🦀 3 | unknown',
    ],
  },
  {
    what: 'quoted names of the old kind, and escapes in names (1.0.0)',
    page: '{"a"} 1\nb{"x y"="1"} 2\n{"c\\"d"} 3\n',
    points: ['gauge a 1 | unknown', 'gauge b{x y="1"} 2 | unknown', 'gauge c"d 3 | unknown'],
  },
  {
    what: 'a counter and a histogram with names in UTF-8 (1.0.0)',
    page: '# TYPE "h.x" histogram\n{"h.x_bucket",le="1"} 1\n{"h.x_bucket",le="+Inf"} 2\n{"h.x_count"} 2\n{"h.x_sum"} 5\n# TYPE "c.x_total" counter\n{"c.x_total"} 7\n',
    points: [
      'histogram h.x count 2 sum 5 buckets 1,1 up to 1 from now | histogram',
      'counter c.x_total 7 from now | counter',
    ],
  },
  {
    what: 'target_info and the labels of scopes',
    page: 'target_info{version="1.2"} 1\na{otel_scope_name="lib",otel_scope_version="3",otel_scope_color="red",x="1"} 1\n',
    points: ['gauge a{x="1"} 1 | unknown scope lib 3{color="red"} resource {version="1.2"}'],
  },
];
