# syntax=docker/dockerfile:1
# The service without torch: the same packages and files that `ackd-deploy serve` uses on a developer's machine.
#
#   docker build --build-arg ARTIFACT=runs/quickstart/artifact -t classifier .     the artifact inside
#   docker run --rm -p 3000:3000 --read-only --tmpfs /tmp classifier
#
#   docker build --target service -t ackd-service .                                the artifact mounted
#   docker run --rm -p 3000:3000 --read-only --tmpfs /tmp -v "$PWD/runs/quickstart/artifact:/srv/artifact:ro" ackd-service

# A digest pins it: --build-arg BASE_IMAGE=python@sha256:…
ARG BASE_IMAGE=python:3.11-slim

FROM ${BASE_IMAGE} AS packages
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
# requirements-openvino.txt for an artifact that was chosen for OpenVINO.
ARG REQUIREMENTS=requirements.txt
COPY serving/requirements*.txt /tmp/
# A virtual environment is one folder to copy, and leaves pip's own traces in this stage. Compiled here, since
# the final file system is read-only.
RUN python -m venv /opt/venv \
    && /opt/venv/bin/pip install --no-deps --only-binary :all: --require-hashes --requirement "/tmp/$REQUIREMENTS" \
    && /opt/venv/bin/pip uninstall --yes pip setuptools \
    && /opt/venv/bin/python -m compileall -q /opt/venv/lib

FROM ${BASE_IMAGE} AS service
# A numeric user lets Kubernetes check runAsNonRoot.
RUN groupadd --gid 10001 ackd && useradd --uid 10001 --gid ackd --no-create-home --shell /usr/sbin/nologin ackd
COPY --from=packages /opt/venv /opt/venv
WORKDIR /srv
COPY ackd_deploy/ ackd_deploy/
COPY serving/ serving/
RUN /opt/venv/bin/python -m compileall -q ackd_deploy serving
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONPATH=/srv \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    BENTOML_DO_NOT_TRACK=True
USER 10001:10001
EXPOSE 3000
# Ready, and not just alive: Docker has no other probe. Kubernetes ignores this and uses serving/k8s.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:3000/readyz', timeout=2)"]
# As process 1 it gets SIGTERM itself, answers what is in flight, and exits.
ENTRYPOINT ["python", "-m", "ackd_deploy", "serve", "/srv/artifact", "--host", "0.0.0.0", "--port", "3000"]

FROM service AS bundle
ARG ARTIFACT=artifact
COPY ${ARTIFACT} /srv/artifact
