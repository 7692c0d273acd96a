/** undici, an HTTP client. Imported on first use, through this module, because a bundle gives the named exports of a CommonJS package only to static imports. */
export { Agent, buildConnector, Pool, ProxyAgent } from 'undici';
