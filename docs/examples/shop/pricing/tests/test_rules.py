from django.test import SimpleTestCase

from pricing.rules import DISCOUNTS, TAX_PERCENT, discount_percent, line_cents, rounded, tax_cents
from shop.cases import cases


@cases({"%s_of_%d" % (country.lower(), cents): (cents, country, percent)
        for country, percent in TAX_PERCENT.items() for cents in (0, 1, 100, 999, 123456)})
class Tax(SimpleTestCase):
    def check(self, cents, country, percent):
        self.assertLessEqual(abs(100 * tax_cents(cents, country) - cents * percent), 50)


@cases({country.lower(): (country,) for country in ("CH", "IS", "JP", "NO", "US", "XX")})
class NoTax(SimpleTestCase):
    def check(self, country):
        self.assertEqual(tax_cents(1000, country), 0)


@cases({"from_%d" % pieces: (pieces, percent) for pieces, percent in DISCOUNTS})
class DiscountBegins(SimpleTestCase):
    def check(self, pieces, percent):
        self.assertEqual(discount_percent(pieces), percent)
        self.assertLess(discount_percent(pieces - 1), percent)


@cases({
    "one": (250, 1, 250), "nine": (250, 9, 2250), "ten": (250, 10, 2375), "fifty": (10, 50, 450),
    "hundred": (10, 100, 850), "free": (0, 7, 0), "half_a_cent": (1, 10, 9),
})
class Line(SimpleTestCase):
    def check(self, price_cents, quantity, expected):
        self.assertEqual(line_cents(price_cents, quantity), expected)


class Rounding(SimpleTestCase):
    def test_half_goes_up(self):
        self.assertEqual(rounded(50, 1), 1)

    def test_less_than_half_goes_down(self):
        self.assertEqual(rounded(49, 1), 0)

    def test_no_line_without_a_piece(self):
        for quantity in (0, -1):
            with self.subTest(quantity=quantity), self.assertRaises(ValueError):
                line_cents(100, quantity)
