import unittest

from timetable.durations import format_duration, parse_duration


class ParseTests(unittest.TestCase):
    def test_units(self):
        self.assertEqual(parse_duration("45s"), 45)
        self.assertEqual(parse_duration("90m"), 5400)
        self.assertEqual(parse_duration("2 days"), 172800)

    def test_several_parts(self):
        self.assertEqual(parse_duration("1h30m"), 5400)
        self.assertEqual(parse_duration("1 hour 15 minutes"), 4500)

    def test_nonsense(self):
        for text in ("", "soon", "5 parsecs", "1h later"):
            with self.assertRaises(ValueError):
                parse_duration(text)


class FormatTests(unittest.TestCase):
    def test_forms(self):
        self.assertEqual(format_duration(0), "0s")
        self.assertEqual(format_duration(5400), "1h30m")
        self.assertEqual(format_duration(90061), "1d1h1m1s")
