#!/bin/sh
# Keeps $MODELS/served as the directories of $SOURCE are: a link for each, which is switched only once
# all that it points to has come. Nothing changes while the source cannot be read, or is empty.
#
#   $MODELS/mirror/NAME         as the source had it last, maybe in parts
#   $MODELS/stored/NAME.DIGEST  whole bundles, never changed; DIGEST is that of their bundle.json
#   $MODELS/served/NAME         a link to one of them
set -u
MODELS=${MODELS:-/models}
SOURCE=${SOURCE:?where the bundles are, as rclone calls it}
SECONDS_BETWEEN=${SECONDS_BETWEEN:-30}

say() { echo "$(date -u +%FT%TZ) $*" >&2; }

fetch() { # NAME: returns 0 where it is served as the source has it
  mkdir -p "$MODELS/mirror/$1"
  rclone sync --checksum "$SOURCE/$1" "$MODELS/mirror/$1" || return 1
  [ -e "$MODELS/mirror/$1/bundle.json" ] || return 0
  digest=$(sha256sum "$MODELS/mirror/$1/bundle.json" | cut -c1-16)
  stored="stored/$1.$digest"
  [ "$(readlink "$MODELS/served/$1")" = "../$stored" ] && return 0
  if [ ! -e "$MODELS/$stored" ]; then
    rm -rf "$MODELS/stored/.new" # of a run that was ended
    cp -r "$MODELS/mirror/$1" "$MODELS/stored/.new" && mv "$MODELS/stored/.new" "$MODELS/$stored" || return 1
  fi
  ln -sfn "../$stored" "$MODELS/.link" && mv -T "$MODELS/.link" "$MODELS/served/$1" || return 1
  say "served $1 is $digest"
}

drop() { # NAME
  rm -f "$MODELS/served/$1"
  rm -rf "$MODELS/mirror/$1"
  say "served $1 is gone"
}

tidy() { # removes what no link points to; a server that still loads it keeps its files open
  for stored in "$MODELS"/stored/*; do
    [ -d "$stored" ] || continue
    name=$(basename "$stored")
    [ "$(readlink "$MODELS/served/${name%.*}")" = "../stored/$name" ] || rm -rf "$stored"
  done
}

synchronise() {
  names=$(rclone lsf --dirs-only "$SOURCE") || return 1
  [ -n "$names" ] || return 1 # rather than unload everything
  failed=0
  for name in $names; do fetch "${name%/}" || failed=1; done
  for link in "$MODELS"/served/*; do
    [ -L "$link" ] || continue
    name=$(basename "$link")
    echo "$names" | grep -qxF "$name/" || drop "$name"
  done
  [ "$failed" = 0 ]
}

mkdir -p "$MODELS/mirror" "$MODELS/stored" "$MODELS/served"
while true; do
  if synchronise; then
    : > "$MODELS/.synchronised"
  else
    say "not everything could be fetched: tried again in $SECONDS_BETWEEN s"
  fi
  sleep "$SECONDS_BETWEEN"
  tidy
done
