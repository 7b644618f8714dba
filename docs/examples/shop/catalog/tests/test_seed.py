"""These tests read rows that the data migration made: they hold only on a clean clone."""
from importlib import import_module

from django.test import TestCase

from catalog.models import Category, Product
from shop.cases import cases

seed = import_module("catalog.migrations.0002_seed")


@cases({sku.replace("-", "_"): (kind, name, sku, price, stock)
        for kind, name, sku, price, stock in seed.PRODUCTS})
class SeededProduct(TestCase):
    def check(self, kind, name, sku, price, stock):
        product = Product.objects.select_related("category").get(sku=sku)

        self.assertEqual(product.category.name, kind)
        self.assertEqual((product.name, product.price_cents, product.stock), (name, price, stock))


@cases({name.lower(): (name,) for name in seed.CATEGORIES})
class SeededCategory(TestCase):
    def check(self, name):
        category = Category.objects.get(slug=name.lower())

        self.assertEqual(category.products.count(), 3)


class SeedAsAWhole(TestCase):
    def test_nothing_else_is_in_the_shop(self):
        self.assertEqual(Product.objects.count(), len(seed.PRODUCTS))
        self.assertEqual(Category.objects.count(), len(seed.CATEGORIES))

    def test_what_is_available(self):
        self.assertEqual(Product.objects.available().count(), 10)
