/** The JSON encoding of OTLP (OTLP specification, JSON Protobuf Encoding), both ways, without parsed objects. */
export { jsonToRequest } from './json/from-json.ts';
export { requestToJson } from './json/to-json.ts';
