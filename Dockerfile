# One image a role: docker build --build-arg EXTRAS=gateway-serve,gateway-redis,ledger-postgres .
#   gateway    gateway-serve,gateway-redis,gateway-postgres,gateway-vault,ledger-postgres
#   detection  detection,alerts,ledger-postgres,ledger-vault
#   alerts     alerts,ledger-postgres,ledger-vault
#   workers    pii-worker,pii-s3,pii-vault,ledger-postgres
#   rotation   rotation,ledger-postgres,ledger-vault
#   scan       scan,ledger-postgres
# The base has a tag here and no digest: look the digest up where you build, and pin it by
# --build-arg PYTHON=3.13-slim-bookworm@sha256:…
ARG PYTHON=3.13-slim-bookworm

FROM python:${PYTHON} AS build
WORKDIR /src
COPY requirements/image.txt requirements/dev.txt requirements/
RUN python -m venv /build \
    && /build/bin/pip install --no-cache-dir --disable-pip-version-check --only-binary :all: \
        --require-hashes -r requirements/image.txt
COPY pyproject.toml README.md LICENSE ./
COPY policies policies
COPY scanners scanners
COPY secrets secrets
COPY security security
RUN /build/bin/python -m hatchling build -t wheel -d /wheel
ARG EXTRAS=gateway-serve,gateway-redis,gateway-postgres,gateway-vault,alerts,ledger-postgres,ledger-sinks,ledger-vault,rotation
# The role's part of the lock that the tests ran with, each package by its hash.
RUN python -m venv --without-pip /opt/guarita \
    && set -- /wheel/*.whl \
    && echo "guarita[$EXTRAS] @ file://$1 --hash=sha256:$(sha256sum "$1" | cut -d ' ' -f 1)" > /wheel/wanted.txt \
    && /build/bin/uv pip install --no-cache --python /opt/guarita/bin/python --only-binary :all: \
        --require-hashes --constraints requirements/dev.txt -r /wheel/wanted.txt \
    && /opt/guarita/bin/guarita --version

FROM python:${PYTHON}
COPY --from=build /opt/guarita /opt/guarita
ENV PATH=/opt/guarita/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 65532:65532
WORKDIR /tmp
# Of the gateway, by docker alone: Kubernetes asks by the chart's probes. Other roles: docker run --no-healthcheck.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["/opt/guarita/bin/python", "-I", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:9000/healthz', timeout=4)"]
ENTRYPOINT ["/opt/guarita/bin/guarita"]
