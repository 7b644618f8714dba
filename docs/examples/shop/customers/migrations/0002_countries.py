from django.db import migrations

# (code, name, in the union)
COUNTRIES = [
    ("AT", "Austria", True), ("CH", "Switzerland", False), ("DE", "Germany", True),
    ("DK", "Denmark", True), ("ES", "Spain", True), ("FR", "France", True),
    ("IS", "Iceland", False), ("IT", "Italy", True), ("JP", "Japan", False),
    ("NO", "Norway", False), ("PL", "Poland", True), ("US", "United States", False),
]


def seed(apps, schema_editor):
    country = apps.get_model("customers", "Country")
    country.objects.bulk_create(
        country(code=code, name=name, in_union=union) for code, name, union in COUNTRIES)


class Migration(migrations.Migration):
    dependencies = [("customers", "0001_initial")]
    operations = [migrations.RunPython(seed, migrations.RunPython.noop)]
