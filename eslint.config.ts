import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

/** Imports point one way: each layer may not import the layers named here. */
const FORBIDDEN: Readonly<Record<string, readonly string[]>> = {
  core: [
    'otlp',
    'net',
    'storage',
    'telemetry',
    'receivers',
    'processors',
    'exporters',
    'extensions',
    'config',
    'service',
    'replay',
    'demo',
  ],
  otlp: [
    'net',
    'storage',
    'telemetry',
    'receivers',
    'processors',
    'exporters',
    'extensions',
    'config',
    'service',
    'replay',
    'demo',
  ],
  net: [
    'storage',
    'telemetry',
    'receivers',
    'processors',
    'exporters',
    'extensions',
    'config',
    'service',
    'replay',
    'demo',
  ],
  storage: [
    'net',
    'telemetry',
    'receivers',
    'processors',
    'exporters',
    'extensions',
    'config',
    'service',
    'replay',
    'demo',
  ],
  telemetry: ['storage', 'receivers', 'processors', 'exporters', 'extensions', 'config', 'service', 'replay', 'demo'],
  receivers: ['processors', 'exporters', 'extensions', 'config', 'service', 'replay', 'demo'],
  processors: ['receivers', 'exporters', 'extensions', 'config', 'service', 'replay', 'demo'],
  exporters: ['receivers', 'processors', 'extensions', 'config', 'service', 'replay', 'demo'],
  extensions: ['receivers', 'processors', 'exporters', 'config', 'service', 'replay', 'demo'],
  config: ['service', 'replay', 'demo'],
  service: ['replay', 'demo'],
};

export default defineConfig(
  { ignores: ['dist/**', 'node_modules/**', 'out/**', 'fixtures/**'] },
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-confusing-void-expression': [
        'error',
        { ignoreArrowShorthand: true, ignoreVoidOperator: true },
      ],
      '@typescript-eslint/no-unnecessary-condition': ['error', { allowConstantLoopConditions: true }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/prefer-literal-enum-member': 'off',
      '@typescript-eslint/unified-signatures': 'off',
      'max-params': ['error', { max: 5 }],
      'max-lines': ['error', { max: 400, skipBlankLines: false, skipComments: false }],
      'no-restricted-syntax': [
        'error',
        { selector: 'ExportDefaultDeclaration', message: 'Named exports only.' },
        { selector: 'ExportAllDeclaration', message: 'List what is exported.' },
        { selector: 'TSEnumDeclaration', message: 'Use a union of literals.' },
        {
          selector: "CallExpression[callee.object.name='process'][callee.property.name='exit']",
          message: 'Only main.ts may exit the process.',
        },
      ],
    },
  },
  ...Object.entries(FORBIDDEN).map(([layer, folders]) => ({
    files: [`src/${layer}/**/*.ts`],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            {
              regex: `^(\\.\\./)+(${folders.join('|')}|main\\.ts|components\\.ts)(/|$)`,
              message: `src/${layer} may not import that layer: imports point one way (src/README.md).`,
            },
          ],
        },
      ],
    },
  })),
  {
    files: ['src/config/**/*.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            { regex: '^(\\.\\./)+(service|replay|demo|main\\.ts)(/|$)', message: 'config may not import the service.' },
          ],
        },
      ],
    },
  },
  {
    files: ['src/service/**/*.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        { patterns: [{ regex: '^(\\.\\./)+(replay|demo|main\\.ts)(/|$)', message: 'service may not import replay.' }] },
      ],
    },
  },
  { files: ['eslint.config.ts', 'src/main.ts'], rules: { 'no-restricted-syntax': 'off' } },
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
