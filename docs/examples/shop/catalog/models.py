from django.db import models


class Category(models.Model):
    name = models.CharField(max_length=40, unique=True)
    slug = models.SlugField(unique=True)

    def __str__(self):
        return self.name


class ProductQuerySet(models.QuerySet):
    def available(self):
        return self.filter(stock__gt=0)

    def search(self, text):
        return self.filter(models.Q(name__icontains=text) | models.Q(sku__iexact=text))


class Product(models.Model):
    category = models.ForeignKey(Category, models.PROTECT, related_name="products")
    name = models.CharField(max_length=80)
    sku = models.SlugField(unique=True)
    price_cents = models.PositiveIntegerField()
    stock = models.PositiveIntegerField(default=0)

    objects = ProductQuerySet.as_manager()

    def __str__(self):
        return "%s (%s)" % (self.name, self.sku)
