from django.db import IntegrityError, transaction
from django.db.models import ProtectedError
from django.test import TestCase

from catalog.models import Category, Product
from shop.cases import cases


@cases({
    "by_word": ("river", ["book-river", "music-river"]),
    "by_any_case": ("RIVER", ["book-river", "music-river"]),
    "by_part": ("stone", ["game-stones"]),
    "by_sku": ("tool-saw", ["tool-saw"]),
    "for_nothing": ("no such thing", []),
    "for_the_wild_card": ("%", []),
    "for_a_quote": ("'", []),
})
class Search(TestCase):
    def check(self, text, expected):
        found = Product.objects.search(text).order_by("sku")

        self.assertEqual([product.sku for product in found], expected)

    def test_the_page_finds_the_same(self):
        answer = self.client.get("/products/", {"q": "river"})

        self.assertEqual(answer.json(), {"products": ["book-river", "music-river"]})


@cases({sku.replace("-", "_"): (sku, available) for sku, available in [
    ("book-mountain", True), ("book-river", False), ("game-pairs", False), ("tool-saw", True)]})
class Detail(TestCase):
    def check(self, sku, available):
        answer = self.client.get("/products/%s/" % sku)

        self.assertEqual(answer.json()["available"], available)

    def test_of_nothing_is_not_found(self):
        self.assertEqual(self.client.get("/products/nothing/").status_code, 404)


class Products(TestCase):
    @classmethod
    def setUpTestData(cls):
        cls.category = Category.objects.create(name="Plants", slug="plants")
        cls.fern = Product.objects.create(category=cls.category, name="Fern", sku="plant-fern",
                                          price_cents=800, stock=1)

    def test_says_its_name(self):
        self.assertEqual(str(self.fern), "Fern (plant-fern)")

    def test_category_says_its_name(self):
        self.assertEqual(str(self.category), "Plants")

    def test_sku_is_unique(self):
        with self.assertRaises(IntegrityError), transaction.atomic():
            Product.objects.create(category=self.category, name="Other", sku="plant-fern",
                                   price_cents=1)

    def test_category_with_products_stays(self):
        with self.assertRaises(ProtectedError):
            self.category.delete()

    def test_sold_out_is_not_available(self):
        self.fern.stock = 0
        self.fern.save()

        self.assertNotIn(self.fern, Product.objects.available())

    def test_is_available_before_it_is_sold_out(self):
        self.assertIn(self.fern, Product.objects.available())
