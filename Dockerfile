# Two stages: the first compiles ./megaeth from the pinned dependencies, the second holds that one file and nothing to build with.
# docker build -t megaeth --build-arg COMMIT=$(git rev-parse --short=12 HEAD) .

FROM node:22-bookworm-slim AS build
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY scripts/build.ts scripts/
COPY tsconfig.json ./
COPY src src
ARG COMMIT=unknown
RUN MEGAETH_BUILD_COMMIT=$COMMIT node_modules/@oven/bun-linux-x64/bin/bun scripts/build.ts --outfile /build/megaeth \
  && env -i /build/megaeth --version

FROM debian:bookworm-slim
LABEL org.opencontainers.image.title="megaeth" \
      org.opencontainers.image.description="An open real-time EVM node: sequencer or replica in one executable" \
      org.opencontainers.image.licenses="MIT"
RUN groupadd --gid 10001 megaeth \
  && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin megaeth \
  && install -d -o 10001 -g 10001 -m 0700 /data
COPY --from=build /build/megaeth /usr/local/bin/megaeth
USER 10001:10001
ENV MEGAETH_DATADIR=/data MEGAETH_HOST=0.0.0.0
VOLUME /data
EXPOSE 8545
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["/usr/local/bin/megaeth", "health"]
ENTRYPOINT ["/usr/local/bin/megaeth"]
