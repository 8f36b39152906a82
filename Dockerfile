# An image with flashfuse in it, to be run on models of the current folder:
#
#   docker build -t flashfuse .
#   docker run --rm -v "$PWD:/models" flashfuse fuse model.onnx -o fused.onnx
#
# Packages are those of Debian 12, whatever update of them is current: their versions are not pinned.
FROM swift:6.3-bookworm AS build
# hadolint ignore=DL3008
RUN apt-get -qq update && apt-get -qq -y install --no-install-recommends \
    pkg-config libxml2-dev libzip-dev libopenblas-dev && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY Package.swift ./
COPY Sources Sources
COPY Tests Tests
RUN swift build --configuration release --product flashfuse --static-swift-stdlib \
  && install -D -s "$(swift build --configuration release --static-swift-stdlib --show-bin-path)/flashfuse" /out/flashfuse

FROM debian:bookworm-slim
# hadolint ignore=DL3008
RUN apt-get -qq update && apt-get -qq -y install --no-install-recommends \
    libxml2 libzip4 libopenblas0-pthread && rm -rf /var/lib/apt/lists/*
COPY --from=build /out/flashfuse /usr/local/bin/flashfuse
RUN flashfuse --version
WORKDIR /models
ENTRYPOINT ["flashfuse"]
CMD ["--help"]
