from django.db import models


class Country(models.Model):
    code = models.CharField(max_length=2, unique=True)
    name = models.CharField(max_length=60)
    in_union = models.BooleanField(default=False)


class Customer(models.Model):
    email = models.EmailField(unique=True)
    name = models.CharField(max_length=80)
    country = models.ForeignKey(Country, models.PROTECT)

    @property
    def pays_tax(self):
        return self.country.in_union
