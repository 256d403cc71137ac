#!/usr/bin/env bash
# Build the service's image without a Docker engine, start it, ask it, and stop it: buildah in chroot isolation, on a base
# of Debian's own packages where no registry of images can be reached. Needs root, buildah, debootstrap and an artifact:
#
#   tools/build_image.sh ARTIFACT [FOLDER]
#
# FOLDER (default build/image) keeps the base between calls. DEBIAN_MIRROR and pip's own settings name the sources.
set -euo pipefail

artifact=${1:?usage: tools/build_image.sh ARTIFACT [FOLDER]}
folder=$(realpath -m "${2:-build/image}")
root=$(cd "$(dirname "$0")/.." && pwd)
python=${PYTHON:-$root/.venv/bin/python}
port=${PORT:-3000}
for tool in buildah debootstrap curl; do
    command -v "$tool" > /dev/null || { echo "$tool is missing: apt-get install buildah debootstrap curl" >&2; exit 4; }
done
export BUILDAH_ISOLATION=chroot STORAGE_DRIVER=vfs
storage=(--root "$folder/storage" --runroot "$folder/run")
mkdir -p "$folder"

if [ ! -d "$folder/base" ]; then
    debootstrap --variant=minbase --include=python3-venv,python-is-python3,ca-certificates \
        bookworm "$folder/base.part" ${DEBIAN_MIRROR:+"$DEBIAN_MIRROR"}
    mv "$folder/base.part" "$folder/base"
fi
if ! buildah "${storage[@]}" inspect --type image localhost/base > /dev/null 2>&1; then
    container=$(buildah "${storage[@]}" from scratch)
    buildah "${storage[@]}" add --quiet "$container" "$folder/base" /
    buildah "${storage[@]}" commit --quiet --rm "$container" localhost/base
fi

"$python" -m ackd_deploy package "$artifact" --image "$folder/context"
# The host's settings of pip, and its certificates, for the index; they stay out of the image.
mounts=()
for file in /etc/pip.conf /etc/ssl/certs/ca-certificates.crt; do
    [ -e "$file" ] && mounts+=(--volume "$file:$file:ro")
done
# --format docker: OCI's own format has no HEALTHCHECK.
buildah "${storage[@]}" build --layers --format docker --pull=never --network host "${mounts[@]}" \
    --build-arg BASE_IMAGE=localhost/base --target bundle -t localhost/classifier "$folder/context"
buildah "${storage[@]}" inspect --type image localhost/classifier | "$python" -c '
import json, sys
config = json.load(sys.stdin)["Docker"]["config"]
assert config["User"] == "10001:10001", config["User"]
assert config["Healthcheck"]["Test"][0] == "CMD", config
print("user", config["User"], "health check", config["Healthcheck"]["Test"][1:])'

container=$(buildah "${storage[@]}" from --pull-never localhost/classifier)
# The process itself is told to stop: buildah passes no signal on, and panics where it is killed.
stop() {
    pkill -TERM -f "^python -m ackd_deploy serve /srv/artifact --host 127.0.0.1 --port $port" || true
    wait "$service" && echo "stopped with exit code 0"
    buildah "${storage[@]}" rm "$container" > /dev/null
}
trap stop EXIT
buildah "${storage[@]}" run --network host "$container" -- \
    python -m ackd_deploy serve /srv/artifact --host 127.0.0.1 --port "$port" &
service=$!
for _ in $(seq 120); do
    curl --silent --fail --noproxy '*' "http://127.0.0.1:$port/readyz" > /dev/null && break
    kill -0 "$service" || { echo "the service ended before it was ready" >&2; exit 1; }
    sleep 1
done
curl --silent --fail --noproxy '*' "http://127.0.0.1:$port/classify" -H 'content-type: application/json' -d '{"text": "a film"}'
echo
