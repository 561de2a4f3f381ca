# A shell of the Docker sandbox, spoken to by sandbox/shell.py: it runs as root with few capabilities, commands as user
# 1000, so no command can signal it, trace it, or read its memory, its files and descriptors.
#
# A request is one line "run NONCE LIMIT COMMAND_BYTES INPUT_BYTES SEQUENCE" followed by the bytes of the command and of
# its standard input; SEQUENCE is 0 for a command that is not persistent. The reply is the command's output as it comes,
# then the line "NONCE STATUS HOW BACKGROUND LIMIT". While a command runs, any line that comes in ends it. "last NONCE"
# prints the sequence of the command that left the shell's state, "rewind NONCE" goes back to the state before that.
#
# Each persistent command runs in a bash of its own that takes over directory, variables and functions from the one
# before (runner.sh), so nothing a command does to its shell can break this one. The primary group says which shell a
# process belongs to: it can't be changed, and is inherited by everything that a command starts.
root=$1 repo=$2 group=$3 runner=$4 output_kib=$5
kept=$root/.kept outputs=$root/.outputs control=$root/.control
given=$6  # the PATH of commands
exec 3<&0 4>&1 0</dev/null 1>/dev/null
exec 2>&4  # what can't be prepared is told in place of "ready"
# Podman gives a new volume to the owner of the image's directory; a root without CAP_DAC_OVERRIDE can't write there
if { [ -O "$root" ] || chown 0:0 "$root" 2>/dev/null; } && [ -w "$root" ] && [ ! -d "$control/$group" ]; then
  # sticky: what is root's in there can't be replaced
  chmod 1777 "$root" && mkdir -p "$kept" "$outputs" "$control" &&
    chgrp 1002 "$kept" && chmod 0770 "$kept" && chmod 0755 "$outputs" && chmod 0700 "$control" || exit
fi
mkdir -p "$control/$group" || exit
if [ -w "$outputs" ] && [ ! -f "$outputs/.gitconfig" ]; then
  printf '[include]\n\tpath = /etc/gitconfig\n[user]\n\tname = swe-agent\n\temail = swe-agent@localhost\n' \
    >"$outputs/.gitconfig"
fi
for place in "$repo" "$root/home"; do
  # a new volume's root is root's; the link that a command has put in its place is not followed
  if [ -O "$place" ]; then chown -h 1000:1000 "$place"; fi
done
control=$control/$group
if setpriv --reuid 1000 --regid "$group" --clear-groups true 2>/dev/null; then
  as_user=(setpriv --reuid 1000 --regid "$group" --clear-groups)
elif chroot --userspec="1000:$group" --groups= --skip-chdir / true 2>/dev/null; then
  as_user=(chroot --userspec="1000:$group" --groups= --skip-chdir /)
else
  printf 'the image needs setpriv (util-linux) or chroot (coreutils) to run commands as another user\n'
  exit 1
fi
exec 2>/dev/null
exec 6<> <(:)   # a pipe that never has anything to read: `read -t` on it is a sleep without a process
set -m          # every command gets a process group of its own
state='' before_state='' last=0
if [ -f "$control/pointer" ]; then read -r state before_state last <"$control/pointer"; fi

# Sets `left` to the live processes of this shell's group, without those in `before`.
survivors() {
  left=()
  local pid name value zombie
  for pid in /proc/[0-9]*; do
    pid=${pid#/proc/}
    case $before in *" $pid "*) continue ;; esac
    zombie=''
    while read -r name value _; do
      case $name in
        State:) [ "$value" != Z ] || zombie=1 ;;
        Gid:) [ "$value" = "$group" ] && [ -z "$zombie" ] && left+=("$pid"); break ;;
      esac
    done <"/proc/$pid/status"
  done
}

end_survivors() {  # stopped first, so that none makes others meanwhile
  for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    survivors
    [ ${#left[@]} = 0 ] && break
    kill -STOP "${left[@]}"; kill -KILL "${left[@]}"
    read -r -t 0.01 -u 6
  done
}

# Sets `counts` to how often the kernel refused a process and killed one for its memory, in either version of cgroups.
count_limits() {
  local file name value
  counts=(0 0)
  for file in /sys/fs/cgroup/pids.events /sys/fs/cgroup/pids/pids.events; do
    if [ -r "$file" ]; then while read -r name value; do [ "$name" != max ] || counts[0]=$value; done <"$file"; fi
  done
  for file in /sys/fs/cgroup/memory.events /sys/fs/cgroup/memory/memory.oom_control; do
    if [ -r "$file" ]; then while read -r name value; do [ "$name" != oom_kill ] || counts[1]=$value; done <"$file"; fi
  done
}

watch() {  # end the command at its limit or when a line comes: ask first, insist after a second
  if [ "$limit" = 0 ]; then read -r -u 3; else read -r -t "$limit" -u 3; fi
  printf '%s\n' "$nonce" >"$control/stopped"
  kill -TERM -- "-$child"; kill -CONT -- "-$child"
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    kill -0 "$child" || break
    read -r -t 0.1 -u 6
  done
  before=$earlier; end_survivors
  kill -KILL -- "-$child"
}

keep_state() {  # the new state is the shell's if it is whole
  local lines=()
  mapfile -t lines <"$control/state.$new"
  if [ "${lines[-1]}" = '# whole' ]; then
    before_state=$state state=$new last=$sequence
    printf '%s %s %s\n' "$state" "${before_state:--}" "$last" >"$control/pointer"
  fi
}

printf 'ready\n' >&4
while read -r -u 3 verb nonce limit command_bytes input_bytes sequence; do
  case $verb in
    run) ;;
    last) printf '%s\n%s 0 exited 0 -\n' "$last" "$nonce" >&4; continue ;;
    rewind)
      state=${before_state#-} before_state='' last=0
      printf '%s - 0\n' "${state:--}" >"$control/pointer"
      printf '\n%s 0 exited 0 -\n' "$nonce" >&4; continue ;;
    *) continue ;;
  esac
  input=/dev/null full=''
  if [ "$command_bytes" -lt 2000 ]; then  # without a process of its own; LC_ALL: bytes, not characters
    LC_ALL=C IFS= read -r -N "$command_bytes" -u 3 command
    LC_ALL=C printf '%s' "$command" >"$control/command" || full=1
  else
    head -c "$command_bytes" <&3 >"$control/command" || full=1
  fi
  if [ "$input_bytes" -gt 0 ]; then head -c "$input_bytes" <&3 >"$control/input" || full=1; input=$control/input; fi
  if [ "$full" = 1 ]; then
    printf '\n%s 1 full 0 disk\n' "$nonce" >&4
    # what is left of the request must not be taken for the next: the host starts a new shell
    exit 1
  fi
  before=''; count_limits; counted=("${counts[@]}")
  set -- "${as_user[@]}" "$BASH" --norc --noprofile /dev/fd/200
  old=/dev/null new_file=/dev/null
  if [ "$sequence" != 0 ]; then
    survivors; before=" ${left[*]} "
    exec 5> >(trap '' XFSZ; ulimit -f "$output_kib"; exec tee -p "$outputs/$sequence.log" >&4)
    for new in 0 1 2; do case $new in "$state"|"$before_state") ;; *) break ;; esac; done
    new_file=$control/state.$new
    : >"$new_file"
    set -- "${as_user[@]}" "$BASH" --norc --noprofile -c "$runner"
    case $state in ''|-) ;; *) old=$control/state.$state; set -- -c "$@" ;; esac
  else
    exec 5>&4
  fi
  earlier=$before
  cd "$repo" || cd /
  (exec 200<"$control/command" 198<"$old" 199>"$new_file"
   export PATH=$given; exec "$@") <"$input" >&5 2>&1 3<&- 4>&- 5>&- 6>&- &
  child=$!
  watch 4>&- 5>&- &
  watch=$!
  wait "$child"; status=$?
  kill -KILL "$watch"; wait "$watch"
  how=exited hit=-
  read -r stopped <"$control/stopped" && [ "$stopped" = "$nonce" ] && how=stopped
  count_limits
  [ "${counts[0]}" = "${counted[0]}" ] || hit=processes
  [ "${counts[1]}" = "${counted[1]}" ] || hit=memory
  if [ "$status" != 0 ] && [ "$hit" = - ]; then
    read -r blocks inodes < <(stat -f -c '%a %d' "$repo")
    if [ "$blocks" = 0 ] || [ "$inodes" = 0 ]; then hit=disk; fi
  fi
  # a bomb left to go on would keep the next command from starting
  if [ "$sequence" = 0 ] || [ "$how" = stopped ] || [ "$hit" = processes ]; then end_survivors; fi
  survivors
  if [ "$sequence" != 0 ]; then keep_state; fi
  printf '\n%s %s %s %s %s\n' "$nonce" "$status" "$how" "${#left[@]}" "$hit" >&5
  exec 5>&-
done
# the host is gone
before=''; end_survivors
