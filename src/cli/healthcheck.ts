import { EXIT } from './options.ts';
import { request } from '../net/http/node-http.ts';

const TIMEOUT_MS = 3000;

/** Asks the health_check extension; for the container's HEALTHCHECK and exec probes. */
export function healthcheck(endpoint: string): Promise<number> {
  return new Promise((resolve) => {
    const asked = request(endpoint, { timeout: TIMEOUT_MS }, (response) => {
      response.resume();
      resolve(response.statusCode === 200 ? EXIT.ok : EXIT.failed);
    });
    asked.on('timeout', () => asked.destroy(new Error(`No answer within ${TIMEOUT_MS} ms.`)));
    asked.on('error', (error) => {
      process.stderr.write(`error: ${endpoint}: ${error.message}\n`);
      resolve(EXIT.failed);
    });
    asked.end();
  });
}
