# Runs one command of the persistent shell: takes over the state that the one before left (descriptor 198), runs the
# command (200), and leaves the new state (199): variables, functions, directory, and a last line that says that it is
# whole. A variable of more than a megabyte is not taken over: it would cost every later command its time.
trap '__status=$?; trap - EXIT; trap "" PIPE
builtin read -r __size __resident __rest <"/proc/$$/statm"
if (( __resident > 8192 )); then
  while builtin read -r __name; do
    __value=${!__name}
    if (( ${#__value} > 1048576 )) && [[ $__name != __* ]]; then
      builtin unset -v "$__name"; builtin printf "[%s is longer than 1 MB and is not kept for later commands]\n" "$__name"
    fi
  done < <(builtin compgen -v)
  builtin unset -v __value
fi 2>/dev/null
{ builtin declare -p; builtin declare -f
builtin printf "builtin cd -- %q; builtin cd -- %q\n# whole\n" "${OLDPWD:-/}" "$PWD"; } >&199 2>/dev/null
builtin exit $__status' EXIT
. /dev/fd/198 2>/dev/null
exec 198<&-
. /dev/fd/200
