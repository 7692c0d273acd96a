/**
 * node:http, without its namespace: an `import` of it reads every export, among them lazy ones that load the runtime's
 * own fetch and WebSocket, which costs 5 MB of resident memory that nobody uses.
 */
export const { createServer, request } = process.getBuiltinModule('node:http');
