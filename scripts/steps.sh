# shellcheck shell=bash
# For scripts that install: sentences on stderr, and steps whose output goes to the file $LOG, shown only when one fails.

say() { printf '%s\n' "$*" >&2; }

fail() {
    say "$*"
    exit 1
}

# step LABEL COMMAND...: runs the command quietly, counting the seconds on a terminal.
step() {
    local label="$1" started=$SECONDS pid
    shift
    printf '\n== %s: %s\n' "$label" "$*" >>"$LOG"
    "$@" >>"$LOG" 2>&1 </dev/null &
    pid=$!
    # Without this, a Ctrl-C would end the script and leave the command running.
    trap 'kill "$pid" 2>/dev/null; wait "$pid" 2>/dev/null; printf "\n" >&2; exit 130' INT TERM HUP
    if [ -t 2 ]; then
        while kill -0 "$pid" 2>/dev/null; do
            printf '\r%s … %d s ' "$label" $((SECONDS - started)) >&2
            sleep 0.5
        done
        printf '\r' >&2
    fi
    if wait "$pid"; then
        trap - INT TERM HUP
        say "$label … $((SECONDS - started)) s"
    else
        trap - INT TERM HUP
        say "$label … failed. The last lines of $LOG:"
        tail -n 20 "$LOG" | sed 's/^/    /' >&2
        return 1
    fi
}
