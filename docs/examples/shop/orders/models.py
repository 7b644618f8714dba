from django.db import models


class Order(models.Model):
    OPEN, PAID, CANCELLED = "open", "paid", "cancelled"

    customer = models.ForeignKey("customers.Customer", models.PROTECT, related_name="orders")
    status = models.CharField(max_length=10, default=OPEN)

    @property
    def total_cents(self):
        return sum(line.quantity * line.price_cents for line in self.lines.all())


class OrderLine(models.Model):
    order = models.ForeignKey(Order, models.CASCADE, related_name="lines")
    product = models.ForeignKey("catalog.Product", models.PROTECT)
    quantity = models.PositiveIntegerField()
    price_cents = models.PositiveIntegerField()
