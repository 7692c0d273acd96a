#!/usr/bin/env node
import { parseArgs, type ParseArgsConfig } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { errorMessage, RemoraError } from './core/errors.ts';
import { EXIT, usage, type ConfigOptions } from './cli/options.ts';
import { bufferCollector } from './service/buffer-reclaim.ts';
import type { DemoOptions } from './demo/index.ts';

/** The command line, and the only file that may exit the process. Commands load what they need when they run. */

// Telemetry lives outside of the V8 heap and its coming and going starts collections of a small heap; marking in steps
// costs more than it saves (docs/decisions/0008-garbage-collection.md).
setFlagsFromString('--no-incremental-marking');

interface Command {
  readonly usage: string;
  readonly summary: string;
  readonly run: (args: readonly string[]) => Promise<number>;
}

const CONFIG_HELP = `  --config <path>     YAML file; repeat to merge, later wins. Also file:<path>, env:<NAME>, yaml:<text>
  --set <a.b=value>   sets one value after all files; repeatable
`;

const COMMANDS: Readonly<Record<string, Command>> = {
  run: {
    usage: 'remora run --config <path> [--set a.b=value]\n\n' + CONFIG_HELP,
    summary: 'run the pipelines until SIGTERM (the default command)',
    run: async (args) => (await import('./cli/run.ts')).run(configOf(parse(args, CONFIG))),
  },
  validate: {
    usage: 'remora validate --config <path> [--set a.b=value]\n\n' + CONFIG_HELP,
    summary: 'check everything but starting; all problems at file:line:column',
    run: async (args) => (await import('./cli/check.ts')).validate(configOf(parse(args, CONFIG))),
  },
  'print-config': {
    usage: 'remora print-config --config <path> [--format yaml|json]\n\n' + CONFIG_HELP,
    summary: 'the configuration as it is used: merged, expanded, with defaults, secrets redacted',
    run: async (args) => {
      const { format, ...config } = parse(args, { ...CONFIG, ...FORMAT });
      return (await import('./cli/check.ts')).printEffective(
        configOf(config),
        oneOf('format', format, ['yaml', 'json']),
      );
    },
  },
  components: {
    usage: 'remora components',
    summary: 'every receiver, processor, exporter and extension',
    run: async (args) => {
      parse(args, {});
      return (await import('./cli/check.ts')).listComponents();
    },
  },
  schema: {
    usage: 'remora schema [--format json|markdown]',
    summary: 'JSON schema of the configuration for editors, or the reference as Markdown',
    run: async (args) => {
      const { format } = parse(args, FORMAT);
      return (await import('./cli/check.ts')).printSchema(oneOf('format', format, ['json', 'markdown']));
    },
  },
  healthcheck: {
    usage: 'remora healthcheck [--endpoint http://127.0.0.1:13133/]',
    summary: 'ask a running Remora how it is: exit code 0 or 1',
    run: async (args) => (await import('./cli/healthcheck.ts')).healthcheck(endpointOption(args)),
  },
  bypass: {
    usage:
      'remora bypass on|off|status [--for 10m] [--endpoint http://127.0.0.1:13134]\n\n' +
      '  The token, where there is one, is taken from REMORA_ADMIN_TOKEN.\n',
    summary: 'switch bypass mode of a running Remora: nothing is sampled, filtered or limited',
    run: async (args) => runBypass(args),
  },
  record: {
    usage:
      'remora record --config <path> --out <folder> [--for 5m] [--max-size 100MiB] [--redact key] [--title text] [--then-run]\n\n' +
      CONFIG_HELP +
      '  --out <folder>      a new folder for the fixture\n' +
      '  --for <duration>    ends after this time; with SIGINT or SIGTERM when absent\n' +
      '  --max-size <size>   ends when so much was written, 100MiB by default\n' +
      '  --then-run          the same run goes on after that, and runs without a recording where there can be none\n' +
      '  --redact <key>      takes the values of this attribute out; repeatable. Credentials are taken out anyway\n',
    summary: 'run, and write what comes in down as a fixture for replay',
    run: async (args) => (await import('./cli/record.ts')).record(args),
  },
  replay: {
    usage:
      'remora replay [fixture ...] [--filter text] [--update] [--all] [--junit file] [--github] [--limit 24h] [--parallel n]\n\n' +
      '  fixture             folder of a recording, or of several; fixtures/ when none is named\n' +
      '  --filter <text>     only replays with this in their name\n' +
      '  --update            what comes is expected from now on\n' +
      '  --all               shows all that differs\n' +
      '  --junit <file>      writes the results as JUnit XML\n' +
      '  --github            writes annotations of GitHub Actions\n' +
      '  --limit <duration>  virtual time at most\n' +
      '  --parallel <n>      processes at once; as many as there are processors by default\n',
    summary: 'run pipelines against recorded input on virtual time, and compare what comes with what is expected',
    run: async (args) => (await import('./cli/replay.ts')).replayCommand(args),
  },
  diff: {
    usage:
      'remora diff old.yaml new.yaml --fixture <folder> [--format text|markdown] [--html file] [--prices file]\n' +
      '       remora diff new.yaml --against main --fixture <folder>\n' +
      '       remora diff --old a.yaml --old b.yaml --new a.yaml --new c.yaml --fixture <folder>\n' +
      '       remora diff one.yaml --new-set a.b=value --fixture <folder>\n\n' +
      '  --fixture <folder>  a recording, or a folder of several; repeatable\n' +
      '  --old, --new <file> a configuration of one side; repeatable, later ones win\n' +
      '  --against <rev>     the old one is the same files at this revision of git\n' +
      '  --set <a.b=value>   sets one value of both; --old-set, --new-set of one; repeatable\n' +
      '  --env <NAME=value>  a variable of both; --old-env, --new-env of one; repeatable.\n' +
      '                      Others are those of the replay in the manifest that names one of the files\n' +
      '  --exporter <id>     counts what this one delivers; repeatable. All but debug by default\n' +
      '  --format <format>   tables for a terminal, or Markdown for a pull request\n' +
      '  --html <file>       writes a page with plots\n' +
      '  --prices <file>     estimates what a month costs\n' +
      '  --fail-on <what>    exits with 1 for errors-lost, traces-broken or both, with a comma\n' +
      '  --top <n>           lines of a table at most, 10 by default\n',
    summary: 'the effect of a change of configuration on recorded input: what is delivered, lost, and costs',
    run: async (args) => (await import('./cli/diff.ts')).diff(args),
  },
  demo: {
    usage:
      'remora demo [--seconds 20] [--tail-sampling]\n\n' +
      '  --tail-sampling     traces with an error are kept whole with their logs, and a tenth of the others\n',
    summary: 'a small shop, a sidecar and an upstream, end to end (from a checkout)',
    run: async (args) => runDemo(demoOptions(args)),
  },
  version: {
    usage: 'remora version',
    summary: 'print the version',
    run: async (args) => {
      parse(args, {});
      return (await import('./cli/check.ts')).printVersion();
    },
  },
};

const OLDEST_NODE = 24;

async function main(argv: readonly string[]): Promise<number> {
  if (Number.parseInt(process.versions.node, 10) < OLDEST_NODE) {
    return usageError(`Remora needs Node ${OLDEST_NODE} or newer; this is ${process.version}.`);
  }
  const [first = 'run', ...rest] = argv;
  if (first === '--help' || first === '-h' || first === 'help') return printHelp();
  const isFlag = first.startsWith('-');
  const name = isFlag ? 'run' : first;
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command === undefined) return usageError(`Unknown command "${first}". Try: ${Object.keys(COMMANDS).join(', ')}.`);
  const args = isFlag ? argv : rest;
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(`${command.summary}\n\nusage: ${command.usage}\n`);
    return EXIT.ok;
  }
  try {
    return await command.run(args);
  } catch (error) {
    if (isUsageError(error)) return usageError(error.message);
    process.stderr.write(`error: ${errorMessage(error)}\n`);
    return error instanceof RemoraError && error.code === 'report_unwritable' ? EXIT.invalid : EXIT.failed;
  }
}

function printHelp(): number {
  const width = Math.max(...Object.keys(COMMANDS).map((name) => name.length));
  const lines = Object.entries(COMMANDS).map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`);
  process.stdout.write(
    `Remora, a telemetry-only sidecar collector\n\nusage: remora <command> [options]\n\n${lines.join('\n')}\n\n` +
      `exit codes: 0 well, 1 failed, 2 invalid configuration or usage\n`,
  );
  return EXIT.ok;
}

function usageError(message: string): number {
  process.stderr.write(`error: ${message}\nRun "remora --help" for the commands.\n`);
  return EXIT.invalid;
}

function isUsageError(error: unknown): error is TypeError {
  return (
    error instanceof TypeError && 'code' in error && /^ERR_(PARSE_ARGS|USAGE|INVALID_URL)/.test(String(error.code))
  );
}

const CONFIG = { config: { type: 'string', multiple: true }, set: { type: 'string', multiple: true } } as const;
const FORMAT = { format: { type: 'string' } } as const;

/** Anything but `options` is a usage error. */
function parse<const O extends NonNullable<ParseArgsConfig['options']>>(args: readonly string[], options: O) {
  return parseArgs({ args: [...args], options }).values;
}

function configOf({ config = [], set = [] }: { config?: string[]; set?: string[] }): ConfigOptions {
  if (config.length === 0) throw usage('Name a configuration with --config <path>.');
  return { configs: config, sets: set };
}

/** The first choice is the default. */
function oneOf<T extends string>(option: string, value: string | undefined, choices: readonly [T, ...T[]]): T {
  const chosen = value === undefined ? choices[0] : choices.find((choice) => choice === value);
  if (chosen === undefined) throw usage(`--${option} takes ${choices.join(' or ')}.`);
  return chosen;
}

function endpointOption(args: readonly string[]): string {
  return urlOf(parse(args, { endpoint: { type: 'string' } }).endpoint ?? '127.0.0.1:13133');
}

/** `host:port` is taken as well as a whole URL. */
function urlOf(endpoint: string): string {
  const url = endpoint.includes('://') ? endpoint : `http://${endpoint}`;
  if (!URL.canParse(url)) throw usage(`--endpoint takes a URL or host:port, not ${JSON.stringify(endpoint)}.`);
  return url;
}

/** `on`, `off` or `status` comes first, as a word of its own. */
async function runBypass([action, ...args]: readonly string[]): Promise<number> {
  const { bypass, BYPASS_ACTIONS } = await import('./cli/bypass.ts');
  const chosen = BYPASS_ACTIONS.find((each) => each === action);
  if (chosen === undefined) throw usage(`Say ${BYPASS_ACTIONS.join(', ')}.`);
  const values = parse(args, { endpoint: { type: 'string' }, for: { type: 'string' } });
  if (values.for !== undefined && chosen !== 'on') throw usage('--for belongs to "bypass on".');
  const endpoint = urlOf(values.endpoint ?? '127.0.0.1:13134');
  return bypass(chosen, { endpoint, for: values.for, token: process.env['REMORA_ADMIN_TOKEN'] });
}

function demoOptions(args: readonly string[]): DemoOptions {
  const values = parse(args, { seconds: { type: 'string' }, 'tail-sampling': { type: 'boolean' } });
  const seconds = Number(values.seconds ?? '20');
  if (!(seconds > 0 && seconds <= 3600)) throw usage('--seconds takes a number from 1 to 3600.');
  return { seconds, tailSampling: values['tail-sampling'] === true };
}

/** The demo needs the sources and the SDK, which the bundle does not have. */
async function runDemo(options: DemoOptions): Promise<number> {
  const { demo } = await import('./demo/index.ts').catch((cause: unknown) => {
    if (!(cause instanceof Error && 'code' in cause && cause.code === 'ERR_MODULE_NOT_FOUND')) throw cause;
    throw new Error('The demo runs from a checkout only: npm ci && npm run demo.', { cause });
  });
  return demo(options);
}

// Whoever reads may leave early (`remora schema | head`); that ends neither a command nor a running collector.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);

const code = await main(process.argv.slice(2));
// Node's exit waits for V8's compiler threads, and one of them that is out of memory waits for this thread to collect: for ever
// (nodejs/node#54918, seen on one starved core). After a collection they have room for what they still do.
bufferCollector()();
process.exit(code);
