# Sets resource limits, then becomes the given program: limits.sh FILE_KIB DATA_KIB PROCESSES PROGRAM [ARGUMENT...]
ulimit -c 0 -f "$1" -d "$2"
ulimit -u "$3"
shift 3
exec "$@"
