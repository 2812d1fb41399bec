# One static binary and nothing else. Beyond the container it listens only if
# told to, and then it needs a token:
#
#   docker run -v numwatch:/data -p 8080:8080 \
#     -e NUMWATCH_HTTP_LISTEN=0.0.0.0:8080 -e NUMWATCH_HTTP_TOKEN=… numwatch
#
# Mount your own config.yaml and rules.yaml over the samples in /etc/numwatch.

FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=false \
      -ldflags "-s -w -funcalign=8 -X numwatch/internal/cli.stamped=${VERSION}" -o /out/numwatch . \
 && mkdir -p /out/data

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
# The time zones that rules may name.
COPY --from=build /usr/local/go/lib/time/zoneinfo.zip /usr/share/zoneinfo.zip
ENV ZONEINFO=/usr/share/zoneinfo.zip
COPY --from=build /out/numwatch /usr/local/bin/numwatch
COPY config.yaml rules.yaml /etc/numwatch/
# A new volume takes over the owner of the folder that it covers.
COPY --from=build --chown=65532:65532 /out/data /data

USER 65532:65532
# The paths of the sample (data/…) are relative: they lead into the volume. So do
# copies of the store, which some commands make for a while: there is no /tmp.
WORKDIR /
ENV TMPDIR=/data
VOLUME /data
EXPOSE 8080 4222
HEALTHCHECK --interval=30s --timeout=5s --start-period=1m CMD ["/usr/local/bin/numwatch", "status", "-q"]
ENTRYPOINT ["/usr/local/bin/numwatch"]
CMD ["run", "--config", "/etc/numwatch/config.yaml", "--rules", "/etc/numwatch/rules.yaml"]
