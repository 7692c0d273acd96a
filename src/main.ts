#!/usr/bin/env node
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { errorMessage } from './core/errors.ts';
import { EXIT, type ConfigOptions } from './cli/options.ts';

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
    run: async (args) => (await import('./cli/run.ts')).run(configOptions(args)),
  },
  validate: {
    usage: 'remora validate --config <path> [--set a.b=value]\n\n' + CONFIG_HELP,
    summary: 'check everything but starting; all problems at file:line:column',
    run: async (args) => (await import('./cli/check.ts')).validate(configOptions(args)),
  },
  'print-config': {
    usage: 'remora print-config --config <path> [--format yaml|json]\n\n' + CONFIG_HELP,
    summary: 'the configuration as it is used: merged, expanded, with defaults, secrets redacted',
    run: async (args) => (await import('./cli/check.ts')).printEffective(configOptions(args), formatOption(args)),
  },
  components: {
    usage: 'remora components',
    summary: 'every receiver, processor, exporter and extension',
    run: async () => (await import('./cli/check.ts')).listComponents(),
  },
  schema: {
    usage: 'remora schema [--format json|markdown]',
    summary: 'JSON schema of the configuration for editors, or the reference as Markdown',
    run: async (args) => (await import('./cli/check.ts')).printSchema(formatOption(args)),
  },
  healthcheck: {
    usage: 'remora healthcheck [--endpoint http://127.0.0.1:13133/]',
    summary: 'ask a running Remora how it is: exit code 0 or 1',
    run: async (args) => (await import('./cli/healthcheck.ts')).healthcheck(endpointOption(args)),
  },
  demo: {
    usage: 'remora demo [--seconds 20]',
    summary: 'a small shop, a sidecar and an upstream, end to end (from a checkout)',
    run: async (args) => (await import('./demo/index.ts')).demo(secondsOption(args)),
  },
  version: {
    usage: 'remora version',
    summary: 'print the version',
    run: async () => (await import('./cli/check.ts')).printVersion(),
  },
};

async function main(argv: readonly string[]): Promise<number> {
  const [first = 'run', ...rest] = argv;
  if (first === '--help' || first === '-h' || first === 'help') return printHelp();
  const isFlag = first.startsWith('-');
  const command = COMMANDS[isFlag ? 'run' : first];
  if (command === undefined) return usageError(`Unknown command "${first}". Try: ${Object.keys(COMMANDS).join(', ')}.`);
  const args = isFlag ? argv : rest;
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(`${command.summary}\n\nusage: ${command.usage}\n`);
    return EXIT.ok;
  }
  try {
    return await command.run(args);
  } catch (error) {
    if (error instanceof TypeError && 'code' in error) return usageError(error.message);
    process.stderr.write(`error: ${errorMessage(error)}\n`);
    return EXIT.failed;
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

function configOptions(args: readonly string[]): ConfigOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      config: { type: 'string', multiple: true },
      set: { type: 'string', multiple: true },
      format: { type: 'string' },
    },
  });
  const configs = values.config ?? [];
  if (configs.length === 0) throw usage('Name a configuration with --config <path>.');
  return { configs, sets: values.set ?? [] };
}

function formatOption(args: readonly string[]): string | undefined {
  return parseArgs({
    args: [...args],
    options: { format: { type: 'string' } },
    strict: false,
  }).values.format?.toString();
}

function endpointOption(args: readonly string[]): string {
  const { values } = parseArgs({ args: [...args], options: { endpoint: { type: 'string' } } });
  return values.endpoint ?? 'http://127.0.0.1:13133/';
}

function secondsOption(args: readonly string[]): number {
  const { values } = parseArgs({ args: [...args], options: { seconds: { type: 'string' } } });
  const seconds = Number(values.seconds ?? '20');
  if (!(seconds > 0 && seconds <= 3600)) throw usage('--seconds takes a number from 1 to 3600.');
  return seconds;
}

function usage(message: string): TypeError {
  return Object.assign(new TypeError(message), { code: 'ERR_USAGE' });
}

process.exit(await main(process.argv.slice(2)));
