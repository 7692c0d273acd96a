import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { seededRandom } from '../../../src/core/random.ts';
import { RandomPages } from './random-pages.ts';
import { asExpected, ReferenceModel } from './reference-model.ts';
import { PagedTarget } from './scraped.ts';

const TARGETS = Number(process.env['REMORA_DIFFERENTIAL_TARGETS'] ?? 12);
const PAGES = 40;

suite('pages that change from scrape to scrape', () => {
  for (const format of ['text', 'openmetrics'] as const) {
    test(`mean what a slow and plain reader makes of them: ${format}`, () => {
      for (let seed = 0; seed < TARGETS; seed++) {
        const random = seededRandom(`${format} ${seed}`);
        const pages = new RandomPages(random, format);
        const target = new PagedTarget();
        const model = new ReferenceModel();
        for (let number = 1; number <= PAGES; number++) {
          const timeMs = number * 1000;
          const isBad = random() < 0.1;
          const page = isBad ? pages.next().replace(/(\n[^#][^\n]*)?(\n# EOF\n)?$/, '\n}') : pages.next();
          const take = random() < 0.8;
          const where = `seed ${seed}, page ${number}`;
          if (isBad) assert.throws(() => target.read(page, format), { name: 'ScrapeError' }, where);
          else target.read(page, format);
          const expected = model.scrape(isBad ? undefined : page, format, timeMs, take);
          assert.deepEqual(target.write(timeMs, take).map(asExpected).sort(), expected.points, where);
          if (isBad) continue;
          const { samples, duplicates } = target.series.summary;
          assert.deepEqual(
            { samples, duplicates },
            { samples: expected.samples, duplicates: expected.duplicates },
            where,
          );
        }
      }
    });
  }
});
