"""Prices and taxes: arithmetic, no database.  Amounts are whole cents."""

TAX_PERCENT = {"AT": 20, "DE": 19, "DK": 25, "ES": 21, "FR": 20, "IT": 22, "PL": 23}

# (from this many pieces, percent off)
DISCOUNTS = [(100, 15), (50, 10), (10, 5)]


def rounded(cents, percent):
    """percent of cents, half a cent rounded up."""
    return (cents * percent + 50) // 100


def tax_cents(cents, country):
    return rounded(cents, TAX_PERCENT.get(country, 0))


def discount_percent(quantity):
    for pieces, percent in DISCOUNTS:
        if quantity >= pieces:
            return percent
    return 0


def line_cents(price_cents, quantity):
    if quantity < 1:
        raise ValueError("a line has at least one piece")
    whole = price_cents * quantity
    return whole - rounded(whole, discount_percent(quantity))
