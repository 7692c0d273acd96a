import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

/** Imports point one way (src/README.md): each layer, and the layers that it may not import. */
const COMPONENTS = ['receivers', 'processors', 'exporters', 'connectors', 'extensions'];
const UPPER = ['config', 'service', 'replay', 'demo'];
const FORBIDDEN: Readonly<Record<string, readonly string[]>> = {
  core: ['otlp', 'net', 'storage', 'telemetry', ...COMPONENTS, ...UPPER],
  otlp: ['net', 'storage', 'telemetry', ...COMPONENTS, ...UPPER],
  net: ['storage', 'telemetry', ...COMPONENTS, ...UPPER],
  storage: ['net', 'telemetry', ...COMPONENTS, ...UPPER],
  telemetry: ['storage', ...COMPONENTS, ...UPPER],
  receivers: ['processors', 'exporters', 'connectors', 'extensions', ...UPPER],
  processors: ['receivers', 'exporters', 'connectors', 'extensions', ...UPPER],
  exporters: ['receivers', 'processors', 'connectors', 'extensions', ...UPPER],
  connectors: ['receivers', 'processors', 'exporters', 'extensions', ...UPPER],
  extensions: ['receivers', 'processors', 'exporters', 'connectors', ...UPPER],
  config: ['service', 'replay', 'demo'],
  service: ['replay', 'demo'],
};

const NO_EXIT = "CallExpression[callee.object.name='process'][callee.property.name='exit']";

export default defineConfig(
  { ignores: ['dist/**', 'node_modules/**', 'out/**', 'fixtures/**'] },
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-unnecessary-condition': ['error', { allowConstantLoopConditions: true }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/unified-signatures': 'off',
      'max-params': ['error', { max: 5 }],
      'max-lines': ['error', { max: 400 }],
      'no-restricted-syntax': [
        'error',
        { selector: 'ExportDefaultDeclaration', message: 'Named exports only.' },
        { selector: 'ExportAllDeclaration', message: 'List what is exported.' },
        { selector: 'TSEnumDeclaration', message: 'Use a union of literals.' },
        { selector: NO_EXIT, message: 'Only main.ts may exit the process.' },
      ],
    },
  },
  ...Object.entries(FORBIDDEN).map(([layer, folders]) => ({
    files: [`src/${layer}/**/*.ts`],
    rules: { 'no-restricted-imports': onlyDownwards(layer, folders) },
  })),
  { files: ['.eslint.config.ts', 'src/main.ts'], rules: { 'no-restricted-syntax': 'off' } },
  {
    files: ['test/**/*.ts'],
    rules: {
      '@typescript-eslint/no-floating-promises': [
        'error',
        {
          allowForKnownSafeCalls: [
            { from: 'package', name: ['test', 'it', 'describe', 'suite'], package: 'node:test' },
          ],
        },
      ],
      'max-lines': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
    },
  },
);

function onlyDownwards(layer: string, folders: readonly string[]): ['error', object] {
  const regex = `^(\\.\\./)+(${folders.join('|')}|main\\.ts)(/|$)`;
  return [
    'error',
    { patterns: [{ regex, message: `src/${layer} may not import upwards or sideways (src/README.md).` }] },
  ];
}
