# Runs in the sandbox: which of the texts in a directory, put in place of a file, let a command pass.
#   sh try_variants.sh DIRECTORY FILE COMMAND SECONDS ENOUGH
# Prints `passes:NAME` for each, ENOUGH of them at most; FILE is left as the last one, DIRECTORY is removed.
export PYTHONDONTWRITEBYTECODE=1
found=0
for one in "$1"/*; do
  cat -- "$one" > "$2"
  if timeout -k 1 "$4" sh -c "$3" >/dev/null 2>&1 </dev/null; then
    echo "passes:${one##*/}"
    found=$((found + 1))
    [ "$found" -ge "$5" ] && break
  fi
done
rm -rf "$1"
