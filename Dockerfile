# Two images: `services` (the API and the websocket service) and `tools` (user_faker, locust).
# Builds with and without BuildKit. Each has its own lock with hashes; docker/*.in says how it is made.

FROM python:3.13-slim AS services-packages
COPY docker/services.lock /tmp/
RUN python -m venv /opt/venv \
 && /opt/venv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r /tmp/services.lock \
 && /opt/venv/bin/pip uninstall --yes --quiet pip

FROM python:3.13-slim AS services
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
COPY --from=services-packages /opt/venv /opt/venv
WORKDIR /app
COPY citus citus
COPY wire wire
COPY backend backend
COPY websocket_service websocket_service
RUN python -m compileall -q wire backend websocket_service
USER 10001:10001
# Which of the two it is says the compose file: python -m backend, python -m websocket_service.

FROM python:3.13-slim AS tools-packages
COPY docker/tools.lock /tmp/
RUN python -m venv /opt/venv \
 && /opt/venv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r /tmp/tools.lock \
 && /opt/venv/bin/pip uninstall --yes --quiet pip

FROM python:3.13-slim AS tools
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=/app
COPY --from=tools-packages /opt/venv /opt/venv
WORKDIR /app
COPY hl_utils hl_utils
COPY tests/load tests/load
USER 10001:10001
