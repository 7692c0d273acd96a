import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { MAX_LOOK_CHARACTERS, traceFold } from '../../../src/receivers/filelog/operators/stack-traces.ts';
import {
  STACK_TRACE_PRESETS,
  type StackTracePreset,
} from '../../../src/receivers/filelog/operators/stack-traces/presets.ts';
import { costOf } from '../../support/cost.ts';

const FIXTURES = new URL('../../../fixtures/stack-traces/', import.meta.url);

function recorded(name: string): string {
  return readFileSync(new URL(name, FIXTURES), 'utf8');
}

function linesOf(text: string): string[] {
  return text.replace(/\n$/, '').split('\n');
}

function fold(lines: readonly string[], presets: readonly StackTracePreset[]): string[] {
  const one = traceFold(presets)();
  const records: string[] = [];
  for (const line of lines) {
    if (one.continues(line) && records.length > 0) records.push(`${records.pop() ?? ''}\n${line}`);
    else records.push(line);
  }
  return records;
}

/** Folds to itself: the text is one record. */
function assertOne(text: string, presets: readonly StackTracePreset[]): void {
  assert.deepEqual(fold(linesOf(text), presets), [text]);
  assert.deepEqual(fold(linesOf(text), STACK_TRACE_PRESETS), [text]);
}

function assertNone(lines: readonly string[]): void {
  assert.deepEqual(fold(lines, STACK_TRACE_PRESETS), lines);
  for (const preset of STACK_TRACE_PRESETS) assert.deepEqual(fold(lines, [preset]), lines);
}

/** Recorded logs; those of loggers that are not part of the language are apart. */
const RECORDED = new Map<string, StackTracePreset>([
  ...STACK_TRACE_PRESETS.map((preset): [string, StackTracePreset] => [preset, preset]),
  ['java-loggers', 'java'],
  ['go-loggers', 'go'],
  ['python-loggers', 'python'],
]);

describe('recorded stack traces', () => {
  for (const [name, preset] of RECORDED) {
    const expected: unknown = JSON.parse(recorded(`${name}.expected.json`));
    const lines = linesOf(recorded(`${name}.log`));

    test(`${name} folds to one record per exception`, () => {
      assert.deepEqual(fold(lines, [preset]), expected);
    });

    test(`${name} folds to the same with all presets together`, () => {
      assert.deepEqual(fold(lines, STACK_TRACE_PRESETS), expected);
    });

    test(`${name} folds to the same with \\r before the line end`, () => {
      const records = fold(
        lines.map((line) => `${line}\r`),
        [preset],
      );
      assert.deepEqual(
        records.map((record) => record.replaceAll('\r', '')),
        expected,
      );
    });
  }
});

describe('traces that were not recorded', () => {
  test('java: packaging data of logback, loaders, Kotlin and Scala', () => {
    assertOne(
      [
        '2026-11-26 10:00:00,123 ERROR [main] c.e.Orders - failed',
        'org.springframework.web.client.HttpClientErrorException$NotFound: 404 Not Found: [no body]',
        '\tat com.example.Orders.all(Orders.java:12) ~[orders-1.0.jar:1.0]',
        '\tat app//com.example.Main.main(Main.java:3) [?:?]',
        '\tat com.example.OrdersTest.should do what it says(OrdersTest.kt:12)',
        '\tat scala.collection.immutable.List.map(List.scala:293)',
        '\t... 12 common frames omitted',
        'Wrapped by: scala.MatchError: 3 (of class java.lang.Integer)',
        '\tat com.example.Orders$.$anonfun$run$1(Orders.scala:7)',
      ].join('\n'),
      ['java'],
    );
  });

  test('java: a thread of a dump', () => {
    assertOne(
      [
        '"main" #1 prio=5 os_prio=0 cpu=31.22ms elapsed=1.01s tid=0x00007f nid=0x1 waiting on condition  [0x00007f]',
        '   java.lang.Thread.State: TIMED_WAITING (sleeping)',
        '\tat java.lang.Thread.sleep(java.base@17.0.15/Native Method)',
        '\t- locked <0x000000071d0> (a java.lang.Object)',
        '\tat App.main(App.java:3)',
      ].join('\n'),
      ['java'],
    );
  });

  test('dotnet: the shapes of today’s runtime', () => {
    assertOne(
      [
        'Unhandled exception. System.AggregateException: One or more errors occurred. (first)',
        ' ---> System.InvalidOperationException: first',
        '   at Orders.Program.<>c.<Main>b__0_0() in /src/Program.cs:line 12',
        '   at System.Threading.Tasks.Task.Execute()',
        '--- End of stack trace from previous location ---',
        '   at Orders.Program.Main(String[] args)',
        '   --- End of inner exception stack trace ---',
        '   at Orders.Program.Run[T](T value) in /src/Program.cs:line 20',
        ' ---> (Inner Exception #1) System.Net.Sockets.SocketException (111): Connection refused',
        '   at Orders.Program.Connect()<---',
        '',
        ' ---> (Inner Exception #2) System.TimeoutException: late<---',
      ].join('\n'),
      ['dotnet'],
    );
  });

  test('dotnet: an entry of the console logger', () => {
    assertOne(
      [
        'fail: Microsoft.AspNetCore.Server.Kestrel[13]',
        '      Connection id "0HN", Request id "0HN:1": An unhandled exception was thrown by the application.',
        '      System.InvalidOperationException: first',
        '         at Orders.Startup.Configure() in /src/Startup.cs:line 3',
      ].join('\n'),
      ['dotnet'],
    );
  });

  test('go: stacks of zap, a data race and registers', () => {
    assertOne(
      '2026-11-26T10:00:00Z\tERROR\tapp/main.go:12\tfailed\nmain.run\n\t/srv/app/main.go:12\nruntime.main\n\t/go/proc.go:267',
      ['go'],
    );
    assertOne(
      [
        '==================',
        'WARNING: DATA RACE',
        'Write at 0x00c0000b4018 by goroutine 7:',
        '  main.main.func1()',
        '      /srv/app/main.go:9 +0x44',
        '',
        'Previous write at 0x00c0000b4018 by main goroutine:',
        '  main.main()',
        '      /srv/app/main.go:11 +0xb8',
        '==================',
      ].join('\n'),
      ['go'],
    );
    assertOne(
      'SIGQUIT: quit\nPC=0x47 m=0 sigcode=0\n\ngoroutine 1 [select]:\nmain.main()\n\t/srv/app/main.go:3 +0x1d\n\nrax    0x0\nrbx    0x1f\nexit status 2',
      ['go'],
    );
  });

  test('python: loguru and pydantic', () => {
    assertOne(
      [
        '2026-11-26 10:00:00.000 | ERROR    | __main__:<module>:9 - failed',
        'Traceback (most recent call last):',
        '',
        '> File "/srv/app/app.py", line 7, in <module>',
        '    divide(0)',
        '    └ <function divide at 0x7f>',
        '',
        'ZeroDivisionError: division by zero',
      ].join('\n'),
      ['python'],
    );
    assertOne(
      [
        'Traceback (most recent call last):',
        '  File "/srv/app/app.py", line 7, in <module>',
        '    Order(amount="x")',
        'pydantic_core._pydantic_core.ValidationError: 1 validation error for Order',
        'amount',
        '  Input should be a valid integer [type=int_parsing]',
      ].join('\n'),
      ['python'],
    );
  });

  test('node: a logged stack goes on with a line that says ERROR', () => {
    assertOne(
      '[Nest] 7  - 11/26/2026, 10:00:00 AM   ERROR [ExceptionsHandler] boom\nError: boom\n    at f (/srv/app/x.js:1:2)',
      ['node'],
    );
  });

  test('php: a chain in a log of its own, and xdebug', () => {
    assertOne(
      [
        '[26-Nov-2026 10:00:00 UTC] PHP Fatal error:  Uncaught Exception: one in /srv/app/a.php:3',
        'Stack trace:',
        '#0 {main}',
        '',
        'Next Exception: two in /srv/app/a.php:5',
        'Stack trace:',
        '#0 {main}',
        '  thrown in /srv/app/a.php on line 5',
      ].join('\n'),
      ['php'],
    );
    assertOne(
      'PHP Warning:  Undefined variable $x in /srv/app/a.php on line 3\nPHP Stack trace:\nPHP   1. {main}() /srv/app/a.php:0',
      ['php'],
    );
  });
});

describe('ordinary logs', () => {
  test('never fold, whatever they are written in', () => {
    assertNone([
      '127.0.0.1 - - [26/Nov/2026:10:00:00 +0000] "GET /at/home HTTP/1.1" 500 612 "-" "curl/8.1"',
      '2026/11/26 10:00:00 [error] 7#7: *1 open() "/srv/missing" failed (2: No such file or directory)',
      '{"level":"error","msg":"failed","error":"java.lang.IllegalStateException: x"}',
      '{"level":"info","msg":"fine"}',
      'time=2026-11-26T10:00:00Z level=error msg="failed" err="panic: x"',
      'Nov 26 10:00:00 host sshd[7]: Failed password for root from 10.0.0.1 port 22',
      '<34>1 2026-11-26T10:00:00Z host app - ID47 - message',
      'I1126 10:00:00.000000       7 server.go:12] Listening',
      'E1126 10:00:00.000000       7 server.go:13] Lost it',
      'ERROR: the order could not be read',
      'panicked? No: nothing happened',
      'WARN Errors: 3',
      'Error rate is 3 %',
    ]);
  });

  test('never fold when indented, in lists or in prose', () => {
    assertNone([
      'Configuration:',
      '{',
      '  "server": {',
      '    "at": "home",',
      '    "list": [1, 2, 3]',
      '  }',
      '}',
      '# Changes',
      '- one',
      '  - two',
      '1. three',
      '#1 in the list',
      "   at 5 o'clock",
      '    at the end (of the day)',
      '  at home, as ever: 12',
      '\tat last',
      'at night (and in the morning)',
      'from here',
      '\tfrom there',
      'Caused by: rain',
      '... 3 more',
      '',
      '  ',
      'docs/readme.md',
      'example.com',
      'app.rb',
      'See com.example.Orders: it is fine',
    ]);
  });

  test('after a trace are records of their own', () => {
    const lines = [
      '2026 ERROR x',
      'java.lang.Error: x',
      '\tat a.B.c(B.java:1)',
      '  an indented line',
      'plain text',
      '\tplain text',
    ];
    assert.deepEqual(fold(lines, ['java']), [lines.slice(0, 3).join('\n'), ...lines.slice(3)]);
  });

  test('a header without frames takes no more than 64 lines with it', () => {
    const lines = ['2026 ERROR x', 'java.lang.Error: x', ...Array.from({ length: 100 }, (_, i) => `words ${i}`)];
    const records = fold(lines, ['java']);
    assert.equal(records[0]?.split('\n').length, 2 + 64);
    assert.equal(records.length, 1 + 36);
  });

  test('a level below warning keeps a dying process’ traceback apart', () => {
    const lines = [
      '2026-11-26 10:00:00 INFO done',
      'Traceback (most recent call last):',
      '  File "a.py", line 1, in f',
      'ValueError: x',
    ];
    assert.equal(fold(lines, ['python']).length, 2);
    assert.equal(fold(['2026-11-26 10:00:00 ERROR x', ...lines.slice(1)], ['python']).length, 1);
  });
});

describe('any text', () => {
  const pool = [...RECORDED.keys()].flatMap((name) => linesOf(recorded(`${name}.log`)));
  const line = fc.oneof(
    fc.constantFrom(...pool),
    fc.string({ maxLength: 30 }),
    fc.tuple(fc.constantFrom(...pool), fc.integer({ min: 0, max: 80 })).map(([text, end]) => text.slice(0, end)),
    fc
      .tuple(fc.constantFrom(...pool), fc.integer({ min: 0, max: 900 }))
      .map(([text, more]) => text + '.:(/ a'.repeat(more)),
  );
  const text = fc.array(line, { maxLength: 40 });
  const presets = fc.subarray([...STACK_TRACE_PRESETS]);

  test('folds the same in every run, also when the lines are cut', () => {
    fc.assert(
      fc.property(text, presets, (lines, chosen) => {
        const once = traceFold(chosen)();
        const cut = traceFold(chosen)();
        for (const each of lines) assert.equal(once.continues(each), cut.continues(each.slice(0, MAX_LOOK_CHARACTERS)));
      }),
    );
  });

  test('starts a record after reset, and goes on as a new fold does', () => {
    fc.assert(
      fc.property(text, text, presets, (before, after, chosen) => {
        const used = traceFold(chosen)();
        for (const each of before) used.continues(each);
        used.reset();
        const fresh = traceFold(chosen)();
        const decisions = after.map((each) => used.continues(each));
        assert.deepEqual(
          decisions,
          after.map((each) => fresh.continues(each)),
        );
        assert.equal(decisions[0] ?? false, false);
      }),
    );
  });

  test('a line with a time in front starts a record, whatever was before', () => {
    const time = fc.constantFrom(
      '2026-11-26T10:00:00.123Z ',
      '2026/11/26 10:00:00 ',
      '[2026-11-26 10:00:00] ',
      'Nov 26 10:00:00 host ',
    );
    fc.assert(
      fc.property(text, time, line, presets, (lines, front, rest, chosen) => {
        const one = traceFold(chosen)();
        for (const each of lines) one.continues(each);
        assert.equal(one.continues(front + rest), false);
      }),
      { numRuns: 1000 },
    );
  });

  test('two folds of one factory do not know of each other', () => {
    const factory = traceFold(['java']);
    const [one, other] = [factory(), factory()];
    one.continues('2026 ERROR x');
    assert.equal(other.continues('java.lang.Error: x'), false);
    assert.equal(one.continues('java.lang.Error: x'), true);
  });

  test('costs no more than its length, however hostile', () => {
    const hostile = ['a.', 'a/', '(', ':1', '\tat a.', ' in x:1', 'Error', '#1 ', 'a:1:in', '['].map((part) =>
      part.repeat(40_000),
    );
    const one = traceFold(STACK_TRACE_PRESETS)();
    const read = (): void => {
      for (let round = 0; round < 20; round++) for (const each of hostile) one.continues(each);
    };
    const cost = costOf(read, 10);
    assert.ok(cost < 20, `200 lines of 80 kB cost as much as reading ${cost} MiB`);
  });
});
