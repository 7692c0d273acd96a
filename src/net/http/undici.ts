/**
 * undici, an HTTP client. Imported on first use, through this module, because a bundle gives the exports of a CommonJS
 * package only to static imports; and module by module, because the whole of it takes 7 MB more.
 */
export { default as Agent } from 'undici/lib/dispatcher/agent.js';
export { default as Pool } from 'undici/lib/dispatcher/pool.js';
export { default as ProxyAgent } from 'undici/lib/dispatcher/proxy-agent.js';
export { default as buildConnector } from 'undici/lib/core/connect.js';
