from django.http import JsonResponse
from django.shortcuts import get_object_or_404

from .models import Product


def product_list(request):
    products = Product.objects.search(request.GET.get("q", "")).order_by("sku")
    return JsonResponse({"products": [product.sku for product in products]})


def product_detail(request, sku):
    product = get_object_or_404(Product, sku=sku)
    return JsonResponse({"name": product.name, "price_cents": product.price_cents,
                         "available": product.stock > 0})
