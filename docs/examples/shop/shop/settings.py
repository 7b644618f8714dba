from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent

SECRET_KEY = "only for an example"
DEBUG = False
USE_TZ = True
ROOT_URLCONF = "shop.urls"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
ALLOWED_HOSTS = []

INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "catalog",
    "customers",
    "orders",
]

MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]

# The canary.  It stands for the database that a developer works with: no test run may ever make
# or open this file.
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(BASE_DIR / "canary.sqlite3"),
    },
}

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

# post_migrate makes these rows anew after every flush, with other keys; serialized_rollback must
# not bring the old ones back beside them.
TEST_NON_SERIALIZED_APPS = ["django.contrib.contenttypes", "django.contrib.auth"]

# What the pretended payment provider takes to answer.  Slow enough that two workers are worth it.
PAYMENT_DELAY_S = 0.3
