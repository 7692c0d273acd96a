/** The JSON encoding of OTLP (OTLP specification, JSON Protobuf Encoding), both ways, without parsed objects. */
export { jsonToRequest } from './json/from-json.ts';
export { JsonOutput } from './json/output.ts';
export { REQUEST_MESSAGE, type Message } from './json/schema.ts';
export { MessageWriter, requestToJson } from './json/to-json.ts';
