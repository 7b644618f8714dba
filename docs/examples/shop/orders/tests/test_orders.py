from django.core import mail
from django.test import TestCase

from catalog.models import Product
from customers.models import Country, Customer
from orders.models import Order
from orders.services import OutOfStock, WrongStatus, cancel, pay, place
from shop.cases import cases


class ShopTestCase(TestCase):
    @classmethod
    def setUpTestData(cls):
        cls.ada = Customer.objects.create(email="ada@example.org", name="Ada",
                                          country=Country.objects.get(code="DK"))

    def stock(self, sku):
        return Product.objects.get(sku=sku).stock


@cases({
    "one_book": ({"book-mountain": 1}, 1250),
    "all_hammers": ({"tool-hammer": 3}, 6300),
    "two_kinds": ({"tool-saw": 1, "music-silence": 2}, 3566),
    "a_whole_evening": ({"game-stones": 1, "music-cello": 1, "book-atlas": 1}, 8300),
    "nothing": ({}, 0),
})
class Placing(ShopTestCase):
    def check(self, wanted, total_cents):
        order = place(self.ada, wanted)

        self.assertEqual(order.total_cents, total_cents)
        self.assertEqual(order.status, Order.OPEN)

    def test_takes_from_the_stock(self):
        place(self.ada, {"tool-saw": 4})

        self.assertEqual(self.stock("tool-saw"), 2)

    def test_of_too_much_is_refused(self):
        with self.assertRaises(OutOfStock):
            place(self.ada, {"tool-saw": 7})

    def test_of_too_much_takes_nothing(self):
        with self.assertRaises(OutOfStock):
            place(self.ada, {"book-mountain": 1, "tool-saw": 7})

        self.assertEqual(self.stock("book-mountain"), 5)
        self.assertFalse(Order.objects.exists())

    def test_of_the_unknown_is_refused(self):
        with self.assertRaises(Product.DoesNotExist):
            place(self.ada, {"no-such-thing": 1})


@cases({sku.replace("-", "_"): (sku, quantity) for sku, quantity in [
    ("book-mountain", 1), ("book-mountain", 5), ("book-atlas", 2), ("game-stones", 9),
    ("game-voyage", 1), ("music-cello", 4), ("music-river", 3), ("music-silence", 12),
    ("tool-hammer", 1), ("tool-saw", 6), ("tool-rule", 20)]})
class Cancelling(ShopTestCase):
    def check(self, sku, quantity):
        before = self.stock(sku)
        order = place(self.ada, {sku: quantity})

        cancel(order)

        self.assertEqual(self.stock(sku), before)
        self.assertEqual(Order.objects.get().status, Order.CANCELLED)

    def test_twice_is_refused(self):
        order = place(self.ada, {"tool-saw": 1})
        cancel(order)

        with self.assertRaises(WrongStatus):
            cancel(order)


@cases({"%d_of_%s" % (quantity, sku.replace("-", "_")): (sku, quantity)
        for sku in ("book-mountain", "game-stones", "music-river", "music-silence", "tool-saw",
                    "tool-rule", "music-cello", "tool-hammer") for quantity in (1, 2, 3)})
class Paying(ShopTestCase):
    """Slow: the payment provider takes its time."""

    def check(self, sku, quantity):
        order = place(self.ada, {sku: quantity})

        with self.captureOnCommitCallbacks(execute=True):
            pay(order)

        self.assertEqual(Order.objects.get().status, Order.PAID)
        self.assertEqual([message.to for message in mail.outbox], [["ada@example.org"]])


class PayingTwice(ShopTestCase):
    def test_is_refused(self):
        order = place(self.ada, {"tool-saw": 1})
        pay(order)

        with self.assertRaises(WrongStatus):
            pay(order)

    def test_paid_can_be_cancelled(self):
        order = place(self.ada, {"tool-saw": 1})
        pay(order)
        cancel(order)

        self.assertEqual(self.stock("tool-saw"), 6)


@cases({"%d_orders" % count: (count,) for count in range(1, 9)})
class ManyOrders(ShopTestCase):
    """Slower still: one payment after the other."""

    def check(self, count):
        for _ in range(count):
            pay(place(self.ada, {"tool-rule": 2}))

        self.assertEqual(self.ada.orders.filter(status=Order.PAID).count(), count)
        self.assertEqual(self.stock("tool-rule"), 20 - 2 * count)
