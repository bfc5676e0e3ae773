/* SPDX-License-Identifier: Apache-2.0
 *
 * A strict reader of the Prometheus text format for tests: it knows nothing of the writer and fails
 * the test at the first line that is wrong.
 */
#ifndef RP_TESTS_PROM_CHECK_H
#define RP_TESTS_PROM_CHECK_H

#include <stddef.h>

/**
 * Check a whole page: each family has a HELP with text, then a TYPE, then its samples, and appears
 * once; each sample appears once; labels are well formed; buckets ascend, end with +Inf, and agree
 * with _count.
 * @return samples on the page
 */
size_t prom_check_page(const char *page, size_t len);

/** Value text of the sample that begins with exactly this name and labels; NULL if absent. Valid
 * until the next call. */
const char *prom_find(const char *page, size_t len, const char *sample);

#endif /* RP_TESTS_PROM_CHECK_H */
