#!/bin/sh
# Prints C string literals of the Lua files given: common/store/commit.lua becomes lua_commit.
set -eu
echo '/* Made by deploy/embed.sh: do not edit. */'
for file in "$@"; do
    name=$(basename "$file" .lua)
    printf 'static const char lua_%s[] =\n' "$name"
    sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/^/    "/' -e 's/$/\\n"/' "$file"
    echo '    ;'
done
