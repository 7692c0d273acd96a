import fc from 'fast-check';

/** The same examples in each run, so that none fails for the first time where nobody looks; `PROPERTY_SEED=7` for others. */
fc.configureGlobal({ seed: Number(process.env['PROPERTY_SEED'] ?? 1) });

export { fc };
