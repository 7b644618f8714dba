#include "shared/base/check.h"

#include <stdio.h>
#include <stdlib.h>

void check_failed(const char *file, int line, const char *func, const char *text)
{
    (void)fprintf(stderr, "%s:%d: %s: check failed: %s\n", file, line, func, text);
    abort();
}
