# Completion of `cbm` for bash, and for zsh through bashcompinit. It asks cbm itself, so it knows what cbm knows.
_cbm()
{
    local word=${COMP_WORDS[COMP_CWORD]} cbm=${COMP_WORDS[0]} at=1 help command
    while [[ ${COMP_WORDS[at]} == --* && $at -lt $COMP_CWORD ]]; do at=$((at + 2)); done
    command=${COMP_WORDS[at]}
    COMPREPLY=()
    if [[ $COMP_CWORD -eq $at ]]; then
        if [[ $word == -* ]]; then
            mapfile -t COMPREPLY < <(compgen -W "--bus --notify --server-key --cert --help --version" -- "$word")
        else
            mapfile -t COMPREPLY < <(compgen -W "$("$cbm" --commands 2>/dev/null | cut -f1)" -- "$word")
        fi
        return
    fi
    if [[ $word == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "--help $("$cbm" "$command" --help 2>/dev/null | sed -n 's/^  \(--[a-z-]*\).*/\1/p')" -- "$word")
        return
    fi
    case $command,$((COMP_CWORD - at)) in
    call,1 | methods,1 | ping,1)
        mapfile -t COMPREPLY < <(compgen -W "$("$cbm" methods 2>/dev/null | sed -n 's/^\([a-z]*\): .*/\1/p')" -- "$word") ;;
    call,2 | methods,2)
        mapfile -t COMPREPLY < <(compgen -W "$("$cbm" methods "${COMP_WORDS[at + 1]}" 2>/dev/null | sed -n 's/^  \([a-z.]*\) .*/\1/p')" -- "$word") ;;
    import,* | verify,* | ics,* | snapshot,2 | snapshot,3 | key,2)
        mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
    event,1)
        mapfile -t COMPREPLY < <(compgen -W "$("$cbm" events --help 2>/dev/null | sed -n '1s/^usage: cbm events \([a-z|]*\).*/\1/p' | tr '|' ' ')" -- "$word") ;;
    *,1) # the alternatives of the usage: "new [FILE] | init [DIR]", "list|show|…"
        help=$("$cbm" "$command" --help 2>/dev/null | sed -n '1s/^usage: cbm [a-z]* //p')
        [[ $help == *'|'* ]] &&
            mapfile -t COMPREPLY < <(compgen -W "$(tr '|' '\n' <<<"$help" | grep -o '^ *[a-z]\{2,\}' | tr -d ' ')" -- "$word") ;;
    esac
}
complete -o default -F _cbm cbm
