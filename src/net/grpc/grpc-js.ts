/** gRPC. Imported on first use, through this module, because a bundle gives the named exports of a CommonJS package only to static imports. */
export { Client, compressionAlgorithms, credentials, Metadata, status } from '@grpc/grpc-js';
