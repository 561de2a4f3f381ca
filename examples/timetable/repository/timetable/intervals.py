"""Half-open intervals of minutes since midnight: (540, 600) is 9:00 up to, but not including, 10:00."""


def overlaps(first, second):
    """Return whether two intervals share any minute."""
    return first[0] < second[1] and second[0] < first[1]


def merge(intervals):
    """Return the same minutes as few sorted intervals; ones that touch become one."""
    merged = []
    for start, end in sorted(intervals):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], end)
        else:
            merged.append((start, end))
    return merged


def subtract(interval, taken):
    """Return the parts of an interval that none of the taken ones cover, in order."""
    free = []
    position, stop = interval
    for start, end in merge(taken):
        if start > position:
            free.append((position, min(start, stop)))
        position = max(position, end)
        if position >= stop:
            break
    if position < stop:
        free.append((position, stop))
    return free
