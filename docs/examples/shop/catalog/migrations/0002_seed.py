from django.db import migrations

CATEGORIES = ["Books", "Games", "Music", "Tools"]

# (category, name, sku, price in cents, stock)
PRODUCTS = [
    ("Books", "The Mountain", "book-mountain", 1250, 5),
    ("Books", "The River", "book-river", 1490, 0),
    ("Books", "Atlas of Small Places", "book-atlas", 4200, 2),
    ("Games", "Nine Stones", "game-stones", 2300, 9),
    ("Games", "The Long Voyage", "game-voyage", 5900, 1),
    ("Games", "Pairs", "game-pairs", 900, 0),
    ("Music", "Cello Suites", "music-cello", 1800, 4),
    ("Music", "Songs from the River", "music-river", 1600, 7),
    ("Music", "Silence", "music-silence", 433, 12),
    ("Tools", "Hammer", "tool-hammer", 2100, 3),
    ("Tools", "Saw", "tool-saw", 2700, 6),
    ("Tools", "Folding Rule", "tool-rule", 700, 20),
]


def seed(apps, schema_editor):
    category = apps.get_model("catalog", "Category")
    product = apps.get_model("catalog", "Product")
    made = {name: category.objects.create(name=name, slug=name.lower()) for name in CATEGORIES}
    for kind, name, sku, price, stock in PRODUCTS:
        product.objects.create(category=made[kind], name=name, sku=sku, price_cents=price,
                               stock=stock)


class Migration(migrations.Migration):
    dependencies = [("catalog", "0001_initial")]
    operations = [migrations.RunPython(seed, migrations.RunPython.noop)]
