"""Finding free time in a day."""

from timetable.durations import parse_duration
from timetable.intervals import overlaps, subtract


class Day:
    """One day of a room, open between two times given as minutes since midnight."""

    def __init__(self, opens, closes):
        self.opens = opens
        self.closes = closes
        self.bookings = []

    def book(self, start, end, force=False):
        """Add a booking; raise ValueError when it is outside opening hours or, without force, overlaps another."""
        if start < self.opens or end > self.closes or start >= end:
            raise ValueError("outside opening hours")
        if not force and any(overlaps((start, end), taken) for taken in self.bookings):
            raise ValueError("already booked")
        self.bookings.append((start, end))

    def free(self):
        """Return the intervals of the day that are not booked."""
        return subtract((self.opens, self.closes), self.bookings)

    def first_free(self, duration):
        """Return the start of the first free time of at least a duration such as "45m", or None."""
        wanted = parse_duration(duration) // 60
        for start, end in self.free():
            if end - start >= wanted:
                return start
        return None
