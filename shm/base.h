/* SPDX-License-Identifier: Apache-2.0
 *
 * What every file may use: cache line, assertions, must-check, overflow helpers.
 */
#ifndef RP_SHM_BASE_H
#define RP_SHM_BASE_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RP_CACHE_LINE 64
#define RP_PAGE	      4096u

#define RP_MUST_CHECK	     __attribute__((warn_unused_result))
#define RP_NORETURN	     __attribute__((noreturn))
#define RP_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define RP_UNUSED	     __attribute__((unused))
#define RP_LIKELY(x)	     __builtin_expect(!!(x), 1)
#define RP_UNLIKELY(x)	     __builtin_expect(!!(x), 0)

#define RP_ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#define RP_CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/** Print expression and place to standard error and abort. Our fault, never the peer's. */
RP_NORETURN void rp_assert_failed(const char *expr, const char *file, int line);

/* On in every build: a process that is wrong about its own state must not go on. */
#define RP_ASSERT(expr)                                                                            \
	do {                                                                                       \
		if (RP_UNLIKELY(!(expr)))                                                          \
			rp_assert_failed(#expr, __FILE__, __LINE__);                               \
	} while (0)

/* Costly invariants; on in the dev and sanitizer presets. */
#ifdef RP_DEBUG
#define RP_DEBUG_ASSERT(expr) RP_ASSERT(expr)
#else
#define RP_DEBUG_ASSERT(expr) ((void)0)
#endif

static inline size_t rp_min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

static inline size_t rp_max_size(size_t a, size_t b)
{
	return a > b ? a : b;
}

/** Round up to a multiple of a power of two. The caller bounds n well below SIZE_MAX. */
static inline size_t rp_align_up(size_t n, size_t power_of_two)
{
	return (n + power_of_two - 1) & ~(power_of_two - 1);
}

/** a + b in *ret; false on overflow (*ret is then unspecified). */
RP_MUST_CHECK static inline bool rp_add_size(size_t a, size_t b, size_t *ret)
{
	return !__builtin_add_overflow(a, b, ret);
}

/** a * b in *ret; false on overflow (*ret is then unspecified). */
RP_MUST_CHECK static inline bool rp_mul_size(size_t a, size_t b, size_t *ret)
{
	return !__builtin_mul_overflow(a, b, ret);
}

#endif /* RP_SHM_BASE_H */
