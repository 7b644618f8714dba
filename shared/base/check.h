#ifndef SHARED_BASE_CHECK_H
#define SHARED_BASE_CHECK_H

/* CHECK states what the programmer knows; it stays on in release builds.
 * It is never used for what a client, a disk or a network can cause. */
#define CHECK(cond) ((cond) ? (void)0 : check_failed(__FILE__, __LINE__, __func__, #cond))

/* The line that cannot be reached, and why. */
#define UNREACHABLE(why) check_failed(__FILE__, __LINE__, __func__, why)

/* IMPLIES(a, b): whenever a holds, b holds. */
#define IMPLIES(a, b) (!(a) || (b))

#if defined(__GNUC__)
#define MUST_USE                __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, first) __attribute__((format(printf, fmt, first)))
#define CLEANUP(release)        __attribute__((cleanup(release)))
#else
#error "the house needs gcc or clang"
#endif

/* How many elements an array (never a pointer) holds. */
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

_Noreturn void check_failed(const char *file, int line, const char *func, const char *text);

#endif
