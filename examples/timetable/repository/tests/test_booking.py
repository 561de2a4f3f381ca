import unittest

from timetable.booking import Day


class BookingTests(unittest.TestCase):
    def setUp(self):
        self.day = Day(540, 1020)

    def test_overlap_is_refused(self):
        self.day.book(600, 660)
        with self.assertRaises(ValueError):
            self.day.book(630, 690)

    def test_first_free(self):
        self.day.book(540, 600)
        self.assertEqual(self.day.first_free("30m"), 600)

    def test_no_room(self):
        self.day.book(540, 1020)
        self.assertIsNone(self.day.first_free("30m"))
