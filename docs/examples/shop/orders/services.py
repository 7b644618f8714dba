"""What a shop does with orders.  Each function is one transaction."""
import time

from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction

from catalog.models import Product

from .models import Order, OrderLine


class OutOfStock(Exception):
    pass


class WrongStatus(Exception):
    pass


@transaction.atomic
def place(customer, wanted):
    """Makes an order of {sku: quantity} and takes it from the stock; all of it or nothing."""
    order = Order.objects.create(customer=customer)
    for sku, quantity in sorted(wanted.items()):
        product = Product.objects.get(sku=sku)
        if product.stock < quantity:
            raise OutOfStock("%d of %s, %d left" % (quantity, sku, product.stock))
        product.stock -= quantity
        product.save(update_fields=["stock"])
        OrderLine.objects.create(order=order, product=product, quantity=quantity,
                                 price_cents=product.price_cents)
    return order


@transaction.atomic
def pay(order):
    """Asks the (pretended) payment provider, and writes to the customer once that is for sure."""
    if order.status != Order.OPEN:
        raise WrongStatus(order.status)
    time.sleep(settings.PAYMENT_DELAY_S)
    order.status = Order.PAID
    order.save(update_fields=["status"])
    transaction.on_commit(lambda: send_mail(
        "Paid", "Your order %d is paid." % order.pk, "shop@example.org", [order.customer.email]))


@transaction.atomic
def cancel(order):
    if order.status == Order.CANCELLED:
        raise WrongStatus(order.status)
    for line in order.lines.select_related("product"):
        line.product.stock += line.quantity
        line.product.save(update_fields=["stock"])
    order.status = Order.CANCELLED
    order.save(update_fields=["status"])
