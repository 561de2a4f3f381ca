import unittest

from timetable.intervals import merge, overlaps, subtract


class OverlapTests(unittest.TestCase):
    def test_touching_intervals_do_not_overlap(self):
        self.assertFalse(overlaps((540, 600), (600, 660)))

    def test_overlap(self):
        self.assertTrue(overlaps((540, 600), (599, 660)))


class MergeTests(unittest.TestCase):
    def test_apart(self):
        self.assertEqual(merge([(600, 660), (480, 540)]), [(480, 540), (600, 660)])

    def test_touching(self):
        self.assertEqual(merge([(540, 600), (600, 660)]), [(540, 660)])

    def test_overlapping(self):
        self.assertEqual(merge([(540, 600), (570, 660)]), [(540, 660)])


class SubtractTests(unittest.TestCase):
    def test_nothing_taken(self):
        self.assertEqual(subtract((540, 1020), []), [(540, 1020)])

    def test_middle_taken(self):
        self.assertEqual(subtract((540, 1020), [(600, 660)]), [(540, 600), (660, 1020)])
