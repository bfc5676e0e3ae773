/* SPDX-License-Identifier: Apache-2.0
 *
 * What the values of flags must fulfil beyond their type.
 */
#ifndef RP_CONFIG_FLAGS_CHECK_H
#define RP_CONFIG_FLAGS_CHECK_H

#include "config/flags.h"

#define RP_SCRAPE_INTERVAL_MIN_NS (50 * RP_NS_PER_MS)

/**
 * Check words and combinations (operations reference 2).
 * @return RP_OK; RP_EFORMAT: a word of the zap flags, which upstream's parser refuses; RP_ECONFIG
 */
RP_MUST_CHECK int rp_flags_check(const struct rp_flags *flags, struct rp_diag *reterr);

/** --v, or what --zap-log-level makes of it: -1 shows errors only. Values must be checked. */
int32_t rp_flags_verbosity(const struct rp_flags *flags);

#endif /* RP_CONFIG_FLAGS_CHECK_H */
