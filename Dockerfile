# All services of the platform's own: which one a container is, compose.yaml says.
FROM python:3.11-slim-bookworm

# The official Mosquitto image's user: registry and broker share the password file.
RUN groupadd --gid 1883 technopark \
    && useradd --uid 1883 --gid 1883 --no-create-home --home-dir /nonexistent technopark \
    && install --directory --owner=1883 --group=1883 --mode=0700 /broker /journal /uploads

WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY broker broker
COPY cli cli
COPY dashboards dashboards
COPY ingest ingest
COPY registry registry
COPY service service
COPY simulators simulators
COPY stack stack
COPY storage storage
COPY technopark_client technopark_client
RUN pip install --no-cache-dir --disable-pip-version-check --constraint constraints.txt .

ENV PYTHONUNBUFFERED=1
WORKDIR /
USER 1883:1883
CMD ["technopark", "--help"]
