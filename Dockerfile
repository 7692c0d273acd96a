# syntax=docker/dockerfile:1
# Build: the whole toolchain, from the lock file.
FROM node:26-slim AS build
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci
COPY tsconfig.json ./
COPY src ./src
RUN npm run build

# Image: Node, one bundle, the default pipelines. No shell script, no package manager is needed at run time.
FROM node:26-slim
COPY --from=build /build/dist /app/dist
COPY pipelines /app/pipelines
# A numeric user, so that runAsNonRoot can be checked. Nothing is written outside of mounted volumes, so a read-only
# root file system works; give file_storage and the file exporter a volume of their own.
USER 65532:65532
WORKDIR /app
ENV NODE_ENV=production UV_THREADPOOL_SIZE=4
# One arena, and what is freed in large pieces goes back to the system: see 0008-garbage-collection.md.
ENV MALLOC_ARENA_MAX=1 MALLOC_MMAP_THRESHOLD_=524288 MALLOC_TRIM_THRESHOLD_=2097152
EXPOSE 4317 4318 8888 13133
HEALTHCHECK --interval=10s --timeout=4s --start-period=5s --retries=3 \
  CMD ["node", "--max-old-space-size=32", "/app/dist/remora.mjs", "healthcheck"]
# V8 looks at the machine and not at small container limits: its heap gets half of the container's memory, the rest is
# for buffers, which live outside of the heap. See docs/decisions/0004-pinned-runtime.md and 0008-garbage-collection.md.
ENTRYPOINT ["node", "--max-old-space-size-percentage=50", "--max-semi-space-size=1", "/app/dist/remora.mjs"]
CMD ["run", "--config", "/app/pipelines/sidecar.yaml"]
