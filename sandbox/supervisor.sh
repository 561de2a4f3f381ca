# The persistent shell inside a sandbox, spoken to by sandbox/shell.py.
#
# A request is one line "run NONCE LIMIT COMMAND_BYTES INPUT_BYTES PERSISTENT SEQUENCE" followed by the bytes of
# the command and of its standard input. The reply is the command's output as it comes, then the line
# "NONCE STATUS HOW BACKGROUND". While a command runs, any line that comes in ends it.
#
# Each command runs in a bash of its own that takes over directory, variables and functions from the one before,
# so nothing a command does to its shell (exit, exec, kill $$, set -e, redefined builtins) can break this one.
# What is taken over lies in `state`, which begins with the SEQUENCE of the command that left it; the state before
# that one is kept beside it, since a command that nobody saw the end of is taken back.
private=$1 repo=$2 scope=$3
shell=$private/$4
chmod u+rwx "$private" "$shell" 2>/dev/null
mkdir -p "$shell" "$private/outputs"
exec 3<&0 4>&1 0</dev/null 1>/dev/null 2>/dev/null
given=$PATH  # what commands get; the tools used here come from the system, whatever the workspace has
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:$PATH
exec 6<> <(:)   # a pipe that never has anything to read: `read -t` on it is a sleep without a process
set -m          # every command gets a process group of its own

export SWE_AGENT_SHELL=$$  # marks every process started here, where there is no process namespace to tell them by
cat >"$shell/runner" <<RUNNER
trap '__status=\$?; trap - EXIT
  builtin read -r __sequence <"$shell/sequence"
  { builtin printf "# %s\n" "\$__sequence"; builtin declare -p; builtin declare -f; builtin printf "builtin cd -- %q; builtin cd -- %q || builtin cd -- %q\n" "\${OLDPWD:-/}" "\$PWD" "$repo"; } >"$shell/state.new" 2>/dev/null
  command ln -f "$shell/state" "$shell/state.before" 2>/dev/null
  command mv -f "$shell/state.new" "$shell/state"; exit \$__status' EXIT
if [ -f '$shell/state' ]; then . '$shell/state' 2>/dev/null; fi
export SWE_AGENT_SHELL=$$
. '$shell/command'
RUNNER

processes() { found=(/proc/[0-9]*); found=("${found[@]#/proc/}"); }

# foreign PID: whether it carries the mark of another supervisor in the same process namespace.
foreign() {
  local entry
  while IFS= read -r -d '' entry; do
    case $entry in SWE_AGENT_SHELL=$$) return 1 ;; SWE_AGENT_SHELL=*) return 0 ;; esac
  done <"/proc/$1/environ"
  return 1
}

# Sets `left` to the processes that the running command started and that still live.
survivors() {
  left=()
  local pid
  if [ "$scope" = namespace ]; then
    processes
    for pid in "${found[@]}"; do
      case "$before $$ $sink $watch " in *" $pid "*) continue ;; esac
      # a zombie has no exe; what another shell in here started is not this command's
      [ -e "/proc/$pid/exe" ] && ! foreign "$pid" && left+=("$pid")
    done
  else
    for pid in $(SWE_AGENT_SHELL= grep -lsaz "^SWE_AGENT_SHELL=$$\$" /proc/[0-9]*/environ); do
      pid=${pid#/proc/}; pid=${pid%/environ}
      case "$before $$ $sink $watch " in *" $pid "*) ;; *) left+=("$pid") ;; esac
    done
  fi
}

finish() {  # end the command and everything it started: ask first, insist after a second
  kill -TERM -- "-$child"; kill -CONT -- "-$child"
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    kill -0 "$child" || break
    read -r -t 0.1 -u 6
  done
  for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    kill -KILL -- "-$child"
    survivors
    [ ${#left[@]} = 0 ] && break
    kill -KILL "${left[@]}"
    read -r -t 0.05 -u 6
  done
}

printf 'ready\n' >&4
while read -r -u 3 verb nonce limit command_bytes input_bytes persistent sequence; do
  [ "$verb" = run ] || continue
  input=/dev/null full=''
  head -c "$command_bytes" <&3 >"$shell/command" || full=1
  if [ "$input_bytes" -gt 0 ]; then head -c "$input_bytes" <&3 >"$shell/input" || full=1; input=$shell/input; fi
  if [ "$full" = 1 ]; then
    printf '\n%s 1 full 0\n' "$nonce" >&4
    # what is left of the request must not be taken for the next: the host starts a new shell
    exit 1
  fi
  sink='' watch=''
  processes; before=" ${found[*]} "
  if [ "$persistent" = 1 ]; then
    exec 5> >(exec tee "$private/outputs/$sequence.log" >&4); sink=$!
    printf '%s\n' "$sequence" >"$shell/sequence"
  else
    exec 5>&4
  fi
  cd "$repo" || cd /
  if [ "$persistent" = 0 ]; then set -- "$BASH" --norc --noprofile "$shell/command"
  elif [ -f "$shell/state" ]; then set -- -c "$BASH" --norc --noprofile "$shell/runner"
  else set -- "$BASH" --norc --noprofile "$shell/runner"; fi
  (PATH=$given; exec "$@") <"$input" >&5 2>&1 3<&- 4>&- 5>&- 6>&- &
  child=$!
  if [ "$limit" = 0 ]; then (read -r -u 3) 4>&- 5>&- & else (read -r -t "$limit" -u 3) 4>&- 5>&- & fi
  watch=$!
  wait -n "$child" "$watch"
  how=exited
  if kill -0 "$child"; then how=stopped; finish; else kill -KILL "$watch"; fi
  wait "$child"; status=$?
  wait "$watch"
  watch=''
  survivors
  printf '\n%s %s %s %s\n' "$nonce" "$status" "$how" "${#left[@]}" >&5
  exec 5>&-
done
