from importlib import import_module

from django.db import IntegrityError, transaction
from django.test import TestCase

from customers.models import Country, Customer
from shop.cases import cases

seed = import_module("customers.migrations.0002_countries")


@cases({code.lower(): (code, name, union) for code, name, union in seed.COUNTRIES})
class SeededCountry(TestCase):
    def check(self, code, name, union):
        country = Country.objects.get(code=code)

        self.assertEqual((country.name, country.in_union), (name, union))


@cases({code.lower(): (code, union) for code, _, union in seed.COUNTRIES})
class PaysTax(TestCase):
    def check(self, code, union):
        customer = Customer.objects.create(email="a@example.org", name="A",
                                           country=Country.objects.get(code=code))

        self.assertEqual(customer.pays_tax, union)


class Customers(TestCase):
    @classmethod
    def setUpTestData(cls):
        cls.country = Country.objects.get(code="DK")
        cls.ada = Customer.objects.create(email="ada@example.org", name="Ada",
                                          country=cls.country)

    def test_email_is_unique(self):
        with self.assertRaises(IntegrityError), transaction.atomic():
            Customer.objects.create(email="ada@example.org", name="Other", country=self.country)

    def test_first_customer_of_the_shop(self):
        self.assertEqual(Customer.objects.count(), 1)

    def test_has_no_orders_yet(self):
        self.assertFalse(self.ada.orders.exists())
