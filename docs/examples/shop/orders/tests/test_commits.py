"""What can only be seen with real commits.

TransactionTestCase empties every table when it has run, the rows of the data migrations too, and
Muster calls the worker's database dirty after it.  So these tests make what they need, under names
that are not in the seed: they run on a clean clone as well as on an emptied one.
"""
from django.core import mail
from django.db import transaction
from django.test import TransactionTestCase

from catalog.models import Category, Product
from customers.models import Country, Customer
from orders.models import Order
from orders.services import OutOfStock, pay, place
from shop.cases import cases


class CommitTestCase(TransactionTestCase):
    def setUp(self):
        category = Category.objects.create(name="Plants", slug="plants")
        for name in ("fern", "moss", "ivy"):
            Product.objects.create(category=category, name=name, sku="plant-%s" % name,
                                   price_cents=500, stock=3)
        country = Country.objects.create(code="XX", name="Nowhere")
        self.ada = Customer.objects.create(email="ada@example.org", name="Ada", country=country)

    def stock(self, name):
        return Product.objects.get(sku="plant-%s" % name).stock


@cases({"%d_%s" % (quantity, name): (name, quantity)
        for name in ("fern", "moss", "ivy") for quantity in (1, 2, 3)})
class PaidForSure(CommitTestCase):
    def check(self, name, quantity):
        pay(place(self.ada, {"plant-%s" % name: quantity}))

        self.assertEqual(len(mail.outbox), 1)
        self.assertEqual(self.stock(name), 3 - quantity)


class RolledBack(CommitTestCase):
    def test_no_message_is_sent(self):
        order = place(self.ada, {"plant-fern": 1})

        with self.assertRaises(RuntimeError), transaction.atomic():
            pay(order)
            raise RuntimeError("the lights went out")

        order.refresh_from_db()
        self.assertEqual(order.status, Order.OPEN)
        self.assertEqual(mail.outbox, [])

    def test_the_stock_stays(self):
        with self.assertRaises(OutOfStock):
            place(self.ada, {"plant-fern": 2, "plant-ivy": 4})

        self.assertEqual(self.stock("fern"), 3)


@cases({code.lower(): (code,) for code in ("AT", "DE", "DK", "US")})
class SeedComesBack(TransactionTestCase):
    """serialized_rollback brings the rows of the data migrations back before each test."""

    serialized_rollback = True

    def check(self, code):
        self.assertTrue(Country.objects.filter(code=code).exists())

    def test_products_too(self):
        self.assertEqual(Product.objects.get(sku="tool-saw").stock, 6)
