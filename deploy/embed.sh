#!/bin/sh
# Prints C arrays of the Lua files given: common/store/commit.lua becomes lua_commit, ended by a zero.
set -eu
echo '/* Made by deploy/embed.sh: do not edit. */'
for file in "$@"; do
    printf 'static const char lua_%s[] = {\n' "$(basename "$file" .lua)"
    od -An -v -td1 "$file" | sed -e 's/\([-0-9][0-9]*\)/\1,/g'
    echo '0};'
done
