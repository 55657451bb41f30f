# Completion of `cbm` for fish. It asks cbm itself.
complete -c cbm -f -n __fish_use_subcommand -a '(cbm --commands)'
complete -c cbm -n 'not __fish_use_subcommand' -a '(
    set -l words (commandline -opc)
    cbm $words[2] --help 2>/dev/null | string replace -rf "^  (--[a-z-]+) ?[A-Z]*  +(.*)" "\$1\t\$2"
)'
complete -c cbm -f -n '__fish_seen_subcommand_from call methods' -a '(
    set -l words (commandline -opc)
    test (count $words) -eq 2; and cbm methods | string replace -rf "^([a-z]+): .*" "\$1"
    test (count $words) -eq 3; and cbm methods $words[3] | string replace -rf "^  ([a-z.]+) .*" "\$1"
)'
