# The commands of sandbox/snapshots.py. That module sends this text, followed by a line that calls one function.
# `kept`, the directory that only these commands reach, and `repo`, the repository's, are set before it.
#
# Every git command here works on the snapshots' own git directory; the repository's `.git` is made once, for the
# model to use, and never read. The system's git is used, whatever the workspace has on its PATH.
snapshots=$kept/snapshots.git pristine=$kept/pristine
export PATH=/usr/local/bin:/usr/bin:/bin:$PATH GIT_DIR=$snapshots GIT_WORK_TREE=$repo
LARGEST=64M MOST_NEW=20000  # a file of more, or more new files, are no change that could be delivered
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 GIT_OPTIONAL_LOCKS=0

# unpack: the repository from a tar on standard input.
unpack() { mkdir -p "$repo" && tar -x --no-same-owner -C "$repo" -f -; }

# What is in the repository is taken as it is: no line ending, filter or keyword of .gitattributes applies.
write_attributes() { printf '%s\n' '* -text -eol -filter -ident -working-tree-encoding' >"$1/info/attributes"; }

# What running programs leaves behind is never part of a change, unless the repository has it already.
write_exclusions() {
  printf '%s\n' __pycache__/ '*.py[cod]' .pytest_cache/ .mypy_cache/ .ruff_cache/ .hypothesis/ .tox/ .nox/ .venv/ \
    .eggs/ '*.egg-info/' .coverage node_modules/ .cache/ >"$1/info/exclude"
}

# create: the snapshots' git directory with the whole repository added, and the repository's own .git of one commit.
create() {
  cd "$repo" &&
  (unset GIT_DIR GIT_WORK_TREE; git -c init.defaultBranch=main init -q --bare "$snapshots") &&
  write_attributes "$snapshots" && write_exclusions "$snapshots" &&
  git config core.bare false && git config core.autocrlf false && git config gc.auto 0 &&
  git config core.safecrlf false && git config core.looseCompression 1 && git add -A -f . &&
  unset GIT_DIR GIT_WORK_TREE && git -c init.defaultBranch=main -c advice.detachedHead=false init -q . &&
  mkdir -p .git/info && write_attributes .git && git add -A -f . &&
  git -c user.name=swe-agent -c user.email=swe-agent@localhost -c commit.gpgSign=false \
    commit -q --allow-empty --no-verify -m base
}

# add: bring the snapshots' index to the repository's state, but for what can't or need not be read; sets `left_out` to
# that. A lock is that of a git that was killed. Fails when what can be read was not stored, as on a full disk.
add() {
  local -a changed big
  local path
  rm -f "$snapshots/index.lock"
  left_out=()
  mapfile -d '' -t changed < <(git ls-files -m -o --exclude-standard -z | head -z -n $((MOST_NEW + 1)))
  [ ${#changed[@]} != 0 ] || return 0
  mapfile -d '' -t big < <(printf './%s\0' "${changed[@]}" |
    xargs -0 sh -c 'exec find "$@" -maxdepth 0 -type f -size "+$0" -printf "%p\\0"' "$LARGEST")
  big=("${big[@]#./}")
  # a few are added by name, which spares a second look at all files
  if [ ${#changed[@]} -le 100 ] && [ ${#big[@]} = 0 ] && printf '%s\0' "${changed[@]}" |
    GIT_LITERAL_PATHSPECS=1 git add -A --pathspec-from-file=- --pathspec-file-nul; then return; fi
  add_all
}

# add_all: as `add`, without the files in `big`, and with no new ones where `changed` has too many.
add_all() {
  local -a spec=(.) nested=()
  local mode=-A path
  for path in "${big[@]}"; do spec+=(":(exclude,literal)$path"); done
  left_out=("${big[@]}")
  if [ ${#changed[@]} -gt "$MOST_NEW" ]; then mode=-u left_out+=("more than $MOST_NEW new files"); fi
  git add $mode --ignore-errors -- "${spec[@]}" && return
  # `git add` stops at a nested repository without a commit: then each nested repository is left out by name
  mapfile -d '' -t nested < <(find . -mindepth 2 -name .git -prune -printf '%h\0')
  for path in "${nested[@]}"; do spec+=(":(exclude,literal)${path#./}"); done
  left_out+=("${nested[@]#./}")
  git add $mode --ignore-errors -- "${spec[@]}" || missing
}

# missing: adds to `left_out` what the index lacks and can't be read; fails if it lacks what can be.
missing() {
  local path
  while IFS= read -r -d '' path; do
    if [ -f "$path" ] && [ -r "$path" ] && [ ! -L "$path" ]; then return 1; fi
    left_out+=("$path")
  done < <(git ls-files -m -o --exclude-standard -z -- "${spec[@]}")
}

# take: prints the id of the tree that the index has, after the repository's state is added to it, then each path that
# was left out, ended by NUL.
take() {
  cd "$repo" || return
  if ! add >/dev/null 2>"$kept/errors" || ! git write-tree 2>>"$kept/errors"; then
    tail -n 3 "$kept/errors"
    return 1
  fi
  if [ ${#left_out[@]} != 0 ]; then printf '%s\0' "${left_out[@]}"; fi
}

# first_tree: prints the id of the tree of what was just created.
first_tree() { cd "$repo" && git write-tree 2>/dev/null; }

# restore TREE: the repository's files as they are in a tree; files that no snapshot holds stay.
restore() { cd "$repo" && { add >/dev/null 2>&1; git read-tree -u --reset "$1"; }; }

# holds TREE...: whether these trees and the pristine copy are there.
holds() {
  [ -d "$snapshots" ] && [ -d "$pristine" ] && cd "$repo" || return
  local tree
  for tree; do git cat-file -e "$tree^{tree}" || return; done
}

# apply: a patch on standard input, to the repository as it is. As outside of any git repository: no settings of one.
apply() { cd "$repo" && (unset GIT_WORK_TREE; GIT_DIR=/nonexistent git apply --whitespace=nowarn -); }

# print_diff BEFORE AFTER FILES: prints the patch between two trees; fails with 65 where it has more than FILES files.
print_diff() {
  cd "$repo" || return
  local files
  files=$(git diff-tree -r -z --no-renames --name-only "$1" "$2" | tr -cd '\0' | head -c "$(($3 + 1))" | wc -c)
  [ "$files" -le "$3" ] || return 65
  git -c core.quotePath=false diff --no-ext-diff --no-textconv --no-color --no-renames --binary --full-index "$1" "$2"
}

# sizes: prints what the snapshots take, in KiB.
sizes() { cd "$repo" && git count-objects -v; }

# prune TREE...: drops every snapshot but these.
prune() { cd "$repo" && git prune --expire=now "$@"; }

# keep_pristine: a copy of the repository's directory as it is, build products included.
keep_pristine() { rm -rf "$pristine" && cp -a "$repo" "$pristine"; }
