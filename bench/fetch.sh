#!/usr/bin/env bash
# bench/fetch.sh DIR PEER…: puts the servers that Sealane is measured beside into DIR, from the
# distribution and the npm registry. Everything is downloaded and unpacked, nothing is installed: no
# service starts, no root is needed, and `rm -r DIR` leaves no trace.
#
# What it needs and cannot bring is named with the line to type.
set -euo pipefail

dir=${1:?usage: bench/fetch.sh DIR PEER…}
shift
here=$(cd "$(dirname "$0")" && pwd)
seconds_max=600

# NATS syncs every message since 2.10; older distributions have an older one, so it comes from this.
nats_suite=trixie
nats_least=2.10
# What BullMQ and its load generator run on.
node_least=20.11

need() {
    command -v "$1" >/dev/null && return
    echo "$1 is missing, install it and repeat:" >&2
    echo "    sudo apt-get install -y --no-install-recommends $2" >&2
    exit 1
}

# Packages and those they need that this system has not, by the package lists of this system.
with_dependencies() {
    local found
    if ! found=$(apt-get --simulate --no-install-recommends install "$@" 2>&1); then
        echo "the distribution's package lists do not have $*, read them anew and repeat:" >&2
        echo "    sudo apt-get update" >&2
        exit 1
    fi
    # The C library is the system's own or nothing runs.
    { printf '%s\n' "$@"; awk '$1 == "Inst" { print $2 }' <<<"$found"; } | sort -u | grep -vE '^(libc6|libc-bin|libc-l10n)$'
}

have() { [ -e "$dir/$1" ]; }

# unpack NAME PACKAGE…: into DIR/NAME, whole or not at all.
unpack() {
    local name=$1 debs
    shift
    echo "fetching $name: $*"
    debs=$(mktemp -d "$dir/.fetch.XXXXXX")
    (cd "$debs" && timeout "$seconds_max" apt-get "${apt[@]}" download "$@" >log 2>&1) || {
        cat "$debs/log" >&2
        echo "could not download $name; where package lists are old, read them anew: sudo apt-get update" >&2
        exit 1
    }
    for deb in "$debs"/*.deb; do dpkg-deb --extract "$deb" "$debs/root"; done
    mv "$debs/root" "$dir/$name"
    rm -r "$debs"
}

apt=()

# Why each list in a line of its own: what ends inside an argument's $(…) ends nothing outside.
packages() {
    local name=$1 found
    shift
    have "$name" && return
    found=$(with_dependencies "$@")
    unpack "$name" $found
}

redis() { packages redis redis-tools; }
beanstalkd() { packages beanstalkd beanstalkd; }

postgres() {
    local version
    have postgres && return
    version=$(apt-cache depends postgresql | awk '$1 == "Depends:" && $2 ~ /^postgresql-[0-9]+$/ { print $2; exit }')
    packages postgres "${version:-postgresql}"
}

rabbitmq() {
    have rabbitmq && return
    local erlang=(base asn1 crypto eldap ftp inets mnesia os-mon parsetools public-key runtime-tools snmp ssl
        syntax-tools tftp tools xmerl)
    unpack rabbitmq rabbitmq-server "${erlang[@]/#/erlang-}" libsctp1
    # As its own installation does: it is told where it lies.
    sed -i "s#=/usr/lib/erlang#=$dir/rabbitmq/usr/lib/erlang#" "$dir/rabbitmq/usr/lib/erlang/bin/erl"
}

nats() {
    local candidate
    have nats && return
    candidate=$(apt-cache policy nats-server | awk '$1 == "Candidate:" { print $2 }')
    if ! dpkg --compare-versions "${candidate:-0}" ge "$nats_least"; then
        other_suite
    fi
    unpack nats nats-server
    apt=()
}

# Package lists of one more suite of the distribution, signed by it, in a place of their own.
other_suite() {
    local lists=$dir/.apt keys=/usr/share/keyrings/debian-archive-keyring.gpg
    if [ ! -e "$keys" ]; then
        echo "the distribution's keys are missing, install them and repeat:" >&2
        echo "    sudo apt-get install -y debian-archive-keyring" >&2
        exit 1
    fi
    mkdir -p "$lists"/{state/lists/partial,cache/archives/partial,sources}
    : >"$lists/status"
    printf 'Types: deb\nURIs: http://deb.debian.org/debian\nSuites: %s\nComponents: main\nSigned-By: %s\n' \
        "$nats_suite" "$keys" >"$lists/sources/one.sources"
    apt=(-o "Dir::State=$lists/state" -o "Dir::State::status=$lists/status" -o "Dir::Cache=$lists/cache"
        -o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$lists/sources" -o Debug::NoLocking=1)
    if ! timeout "$seconds_max" apt-get "${apt[@]}" update >"$lists/log" 2>&1; then
        cat "$lists/log" >&2
        exit 1
    fi
}

bullmq() {
    need node nodejs
    if ! node -e 'const [major, minor] = process.versions.node.split(".").map(Number); process.exit(major > 20 || (major === 20 && minor >= 11) ? 0 : 1)'; then
        echo "node is $(node --version) and $node_least is the least: put a newer one first in PATH and repeat," >&2
        echo "or leave BullMQ out with --peers" >&2
        exit 1
    fi
    need npm npm
    redis
    # By what is locked, so that everybody measures the same. Not `npm ci`: it wants the parts for other
    # processors in the lock as well.
    if ! cmp -s "$here/bullmq/package-lock.json" "$dir/bullmq/.fetched"; then
        echo "fetching bullmq"
        rm -rf "$dir/bullmq"
        mkdir -p "$dir/bullmq"
        cp "$here/bullmq/package.json" "$here/bullmq/package-lock.json" "$dir/bullmq/"
        if ! (cd "$dir/bullmq" && timeout "$seconds_max" npm install --ignore-scripts --no-audit --no-fund >log 2>&1); then
            tail -n 5 "$dir/bullmq/log" >&2
            rm -r "$dir/bullmq"
            exit 1
        fi
        cp "$here/bullmq/package-lock.json" "$dir/bullmq/.fetched"
    fi
    cp "$here/bullmq/load.mjs" "$dir/bullmq/"
}

mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
rm -rf "$dir"/.fetch.*
for peer in "$@"; do
    case $peer in
    redis | beanstalkd | postgres | rabbitmq | nats)
        need apt-get apt
        need dpkg-deb dpkg
        "$peer"
        ;;
    bullmq) bullmq ;;
    *)
        echo "$peer must be redis, bullmq, rabbitmq, nats, postgres or beanstalkd" >&2
        exit 1
        ;;
    esac
done
