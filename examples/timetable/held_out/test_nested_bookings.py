"""Not in the repository that the agent sees: what the issue's reporter would check."""

import unittest

from timetable.booking import Day
from timetable.intervals import merge, subtract


class NestedTests(unittest.TestCase):
    def test_an_interval_inside_another(self):
        self.assertEqual(merge([(540, 1020), (600, 660)]), [(540, 1020)])

    def test_in_any_order(self):
        self.assertEqual(merge([(600, 660), (540, 1020)]), [(540, 1020)])

    def test_several_levels(self):
        self.assertEqual(merge([(0, 100), (10, 90), (20, 30), (95, 120)]), [(0, 120)])

    def test_same_end(self):
        self.assertEqual(merge([(540, 660), (600, 660)]), [(540, 660)])

    def test_partial_overlaps_still_grow(self):
        self.assertEqual(merge([(0, 10), (5, 20), (15, 30)]), [(0, 30)])

    def test_free_time_around_a_nested_booking(self):
        self.assertEqual(subtract((540, 1080), [(540, 1020), (600, 660)]), [(1020, 1080)])

    def test_a_forced_booking_inside_a_long_one_frees_nothing(self):
        day = Day(540, 1080)
        day.book(540, 1020)
        day.book(600, 660, force=True)
        self.assertEqual(day.first_free("30m"), 1020)
